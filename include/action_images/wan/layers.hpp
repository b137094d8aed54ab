// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include <action_images/nn/blocks.hpp>

namespace action_images {

/// The parameters of one block of the transformer.
struct WanBlock {
  struct Attention {
    nn::LinearParameters q, k, v, o;
    nn::NormParameters norm_q, norm_k;
    nn::LinearParameters k_img, v_img;  ///< undefined without has_image_input, and in self_attn
    nn::NormParameters norm_k_img;
  };

  Attention self_attn, cross_attn;
  nn::NormParameters norm3;              ///< before the cross-attention
  nn::LinearParameters ffn_in, ffn_out;  ///< "ffn.0" and "ffn.2"
  at::Tensor modulation;                 ///< (1, 6, dim)
  nn::LinearParameters cam_encoder;      ///< (dim, camera_pool), undefined without cameras
  nn::LinearParameters projector;        ///< (dim, dim), undefined without cameras
};

/// From CLIP tokens to the transformer's width: norm, linear, GELU, linear, norm.
struct WanImageEmbedding {
  nn::NormParameters norm_in;   ///< "0", of 1280
  nn::LinearParameters hidden;  ///< "1"
  nn::LinearParameters out;     ///< "3"
  nn::NormParameters norm_out;  ///< "4", of dim
};

/// The parameters of the transformer that belong to no block.
struct WanOuterLayers {
  nn::LinearParameters patch_embedding;  ///< weight (dim, in_dim, patch)
  nn::LinearParameters text_embedding_0, text_embedding_2, time_embedding_0, time_embedding_2, time_projection;
  nn::LinearParameters head;                     ///< (out_dim times the latents of a token, dim)
  at::Tensor head_modulation;                    ///< (1, 2, dim)
  std::vector<nn::LinearParameters> image_stem;  ///< convolutions (out, in, 3, 3); empty without image_stem
  WanImageEmbedding image_embedding;             ///< "img_emb.proj", undefined without has_image_input
};

}  // namespace action_images
