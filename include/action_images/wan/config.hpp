// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace action_images {

/// Sizes of Wan's video diffusion transformer. The defaults are Wan2.2-TI2V-5B without cameras.
struct WanConfig {
  std::int64_t dim = 3072;       ///< width of a token; a multiple of num_heads, with an even width of a head
  std::int64_t in_dim = 48;      ///< latent channels in
  std::int64_t ffn_dim = 14336;  ///< hidden width of the feed-forward layers
  std::int64_t out_dim = 48;     ///< latent channels out
  std::int64_t text_dim = 4096;  ///< width of the text encoder's states
  std::int64_t freq_dim = 256;   ///< size of the sinusoidal time embedding, even
  double eps = 1e-6;             ///< of all norms
  std::array<std::int64_t, 3> patch_size = {1, 2, 2};  ///< latents of a token: time, height, width
  std::int64_t num_heads = 24;
  std::int64_t num_layers = 30;

  /// The image cross-attention of Wan 2.1 I2V: every block also attends to CLIP tokens of a picture.
  bool has_image_input = false;

  /// Channels of the camera latents; 0: the network has no camera layers. Action Images: 96.
  std::int64_t camera_channels = 0;
  /// Every latent frame of the cameras is averaged to this size over (channels, height, width) before its linear layer.
  std::array<std::int64_t, 3> camera_pool = {48, 16, 16};

  // Off in Wan and in the released checkpoints; they make a small world model learn faster.

  /// Widths of the convolutions that read the first frames' pixels; empty: off. There is one more convolution, to dim,
  /// and each halves the size: a token is 2^(size + 1) pixels wide.
  std::vector<std::int64_t> image_stem = {};
  /// Adds the mean of the embedded text, padding left out, to the time embedding.
  bool pooled_text_modulation = false;
  /// Base of the rotary frequencies.
  double rope_theta = 10000.0;

  std::int64_t head_dim() const { return dim / num_heads; }
};

/// Width of the CLIP tokens that has_image_input takes; of WanImageEncoder.
inline constexpr std::int64_t wan_clip_dim = 1280;

/// Sizes of a published model: "wan2.2-ti2v-5b", "wan2.1-t2v-1.3b", "wan2.1-t2v-14b", "wan2.1-i2v-14b-480p", and
/// "action-images-5b", the first one with camera layers; or "embedded", the one of this library's small world model.
/// @throws ValueError, listing the names, if there is none of that name.
WanConfig wan_preset(std::string_view name);

/// Reads a config with the fields' names as keys. Absent keys keep the values of the "preset" key, or else the
/// defaults.
/// @throws ValueError on an unknown key, a value of the wrong type, or sizes that do not make a network.
WanConfig wan_config(const nlohmann::json& config);

/// All fields as JSON; wan_config() reads it back.
nlohmann::json wan_config_json(const WanConfig& config);

/// @throws ValueError, naming the field, if the sizes do not make a network.
void check_wan_config(const WanConfig& config);

}  // namespace action_images
