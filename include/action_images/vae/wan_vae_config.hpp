// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace action_images {

/// Sizes of Wan's causal video VAE. The defaults are those of Wan 2.2 (TI2V-5B, action-images-5b).
struct WanVaeConfig {
  std::string version = "2.2";  ///< "2.2": residual stages on 2x2 patches; "2.1": a plain chain of layers on pixels
  std::int64_t dim = 160;       ///< width of the encoder's first layer
  std::int64_t dec_dim = 256;   ///< width of the decoder's last layer; with 2.1 equal to dim
  std::int64_t z_dim = 48;      ///< latent channels
  std::vector<std::int64_t> dim_mult = {1, 2, 4, 4};  ///< widths of the stages, in dims; all but the last halve H and W
  std::int64_t num_res_blocks = 2;                    ///< of an encoder's stage; a decoder's has one more
  std::vector<double> attn_scales = {};  ///< only 2.1: scales (1, 1/2, ...) with attention after each block
  std::vector<bool> temporal_downsample = {false, true, true};  ///< which stages halve the time, one less than stages
  std::vector<double> mean = {};  ///< of each latent channel; empty: the release's for z_dim 48 (16), otherwise 0
  std::vector<double> std = {};   ///< of each latent channel; empty: the release's for z_dim 48 (16), otherwise 1

  bool residual() const { return version == "2.2"; }
  std::int64_t patch() const { return residual() ? 2 : 1; }  ///< pixels in height and width folded into channels
  std::int64_t spatial_stride() const { return patch() << (dim_mult.size() - 1); }
  std::int64_t temporal_stride() const;
};

/// The published VAE of a version, "2.2" or "2.1", with mean and std filled in. @throws ValueError on another version.
WanVaeConfig wan_vae_preset(const std::string& version);

/// Reads a config with the fields' names as keys, "version" "2.2" unless given; absent keys keep the preset's values.
/// The key "kind", if there, must be "wan".
/// @throws ValueError on an unknown key, a value of the wrong type, or sizes that do not make a network.
WanVaeConfig wan_vae_config(const nlohmann::json& config);

/// All fields and "kind" as JSON; wan_vae_config() reads it back.
nlohmann::json wan_vae_config_json(const WanVaeConfig& config);

/// Fills in mean and std where they are empty.
/// @throws ValueError, naming the field, if the sizes do not make a network.
WanVaeConfig checked(WanVaeConfig config);

}  // namespace action_images
