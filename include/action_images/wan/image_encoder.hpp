// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>
#include <nlohmann/json_fwd.hpp>

#include <action_images/nn/blocks.hpp>
#include <action_images/nn/parameters.hpp>

namespace action_images {

/// Sizes of a CLIP image encoder; the defaults are ViT-H/14, the one of Wan 2.1 I2V 14B.
struct WanImageEncoderConfig {
  std::int64_t image_size = 224;  ///< height and width that pictures are resized to [pixel]; a multiple of patch_size
  std::int64_t patch_size = 14;   ///< height and width of a patch [pixel]
  std::int64_t dim = 1280;        ///< a multiple of num_heads
  std::int64_t ffn_dim = 5120;
  std::int64_t num_heads = 16;
  std::int64_t num_layers = 32;  ///< of the published network, at least 2; the last one is not computed
  double eps = 1e-5;             ///< of the layer norms

  std::int64_t tokens() const { return (image_size / patch_size) * (image_size / patch_size) + 1; }
};

/// Reads a config with the fields' names as keys (absent keys keep their defaults), or {"preset": "wan2.1-clip"}.
/// @throws ValueError on an unknown key or a value out of range.
WanImageEncoderConfig wan_image_encoder_config(const nlohmann::json& config);

/// All fields as JSON; wan_image_encoder_config() reads it back.
nlohmann::json wan_image_encoder_config_json(const WanImageEncoderConfig& config);

/// @throws ValueError, naming the field, if the sizes do not make a network.
void check_wan_image_encoder_config(const WanImageEncoderConfig& config);

/// Pictures as CLIP takes them: bicubic resize to a square (half-pixel centres, a = -0.75, no low-pass), then CLIP's
/// mean and standard deviation per channel; computed in float32.
/// @param images  (B, 3, H, W) in [-1, 1], floating point.   @param size  of the square [pixel], 1 to 4096.
/// @return (B, 3, size, size) float32.
/// @throws ShapeError on another shape; ValueError on another dtype or size.
at::Tensor clip_pixels(const at::Tensor& images, std::int64_t size);

/// The tensors that WanImageEncoder takes, from what is published: the whole of
/// models_clip_open-clip-xlm-roberta-large-vit-huge-14.pth (text encoder, head and last layer are dropped), the same
/// with "model." in front, or transformers' CLIPVisionModel (renamed; q, k and v joined). Other names stay as they are.
/// @throws FormatError if a layer lacks one of q, k and v or their shapes differ, or if two tensors mean the same.
TensorMap wan_image_encoder_tensors(const TensorMap& tensors, const WanImageEncoderConfig& config = {});

/// The image encoder of Wan 2.1 I2V: CLIP's vision transformer without its last layer, norm and head.
///
/// Parameters carry the published names: visual.{cls_embedding,pos_embedding}, visual.patch_embedding.weight,
/// visual.pre_norm.{weight,bias}, visual.transformer.N.{norm1,attn.to_qkv,attn.proj,norm2,mlp.0,mlp.2}.{weight,bias},
/// N < num_layers - 1.
class WanImageEncoder {
 public:
  /// The parameters of one layer.
  struct Block {
    nn::NormParameters norm1, norm2;
    nn::LinearParameters to_qkv, proj, mlp_in, mlp_out;
  };

  /// @param parameters  where the weights live: its own by default, or over tensors that somebody else owns.
  /// @throws ValueError if the config does not make a network; FormatError if existing tensors do not fit it.
  explicit WanImageEncoder(const WanImageEncoderConfig& config = {}, Parameters parameters = Parameters());

  /// Tokens of pictures: the class token, then the patches row by row. Autograd passes through.
  /// @param images  (B, 3, H, W) in [-1, 1], any size; on the parameters' device.
  /// @return (B, (image_size / patch_size)^2 + 1, dim) in the parameters' dtype.
  /// @throws as clip_pixels().
  at::Tensor encode(const at::Tensor& images) const;

  const WanImageEncoderConfig& config() const { return config_; }
  Parameters& parameters() { return parameters_; }
  const Parameters& parameters() const { return parameters_; }

 private:
  WanImageEncoderConfig config_;
  Parameters parameters_;
  at::Tensor cls_embedding_;    // (1, 1, dim)
  at::Tensor pos_embedding_;    // (1, tokens, dim)
  at::Tensor patch_embedding_;  // (dim, 3, patch_size, patch_size)
  nn::NormParameters pre_norm_;
  std::vector<Block> blocks_;
};

}  // namespace action_images
