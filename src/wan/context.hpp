// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <action_images/wan/transformer.hpp>

namespace action_images {

/// What the blocks are conditioned on, the same over the denoising steps and in every block.
struct WanContext {
  at::Tensor text = {};         ///< (B, L, dim)
  at::Tensor image = {};        ///< (B, M, dim) of the CLIP tokens, or undefined
  at::Tensor camera = {};       ///< (B, T, values of camera_pool), or undefined
  at::Tensor rotary = {};       ///< (N, head_dim / 2) complex64
  at::Tensor stem = {};         ///< (B, V, tokens of a frame, dim), or undefined
  at::Tensor pooled_text = {};  ///< (B, dim), or undefined
  at::Tensor y = {};            ///< (B, C, T, H, W), or undefined
};

/// @throws as WanTransformer::prepare
WanContext wan_context(const WanOuterLayers& layers, const WanConfig& config, const WanInputs& inputs);

}  // namespace action_images
