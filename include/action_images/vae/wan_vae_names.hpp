// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <action_images/tensor/tensor_map.hpp>
#include <action_images/vae/wan_vae_config.hpp>

namespace action_images {

/// Tensors of diffusers' AutoencoderKLWan (2.1 and 2.2) under the published names, which WanVae
/// carries; nothing is copied.
/// Names that are not diffusers' stay as they are.
/// @throws FormatError if two names become one.
TensorMap wan_vae_from_diffusers(const TensorMap& tensors);

/// Sizes of the VAE that tensors of the published names are for: its version, widths, stages and where time is halved.
/// The statistics of its latents are the published ones for 48 (16) channels, otherwise mean 0 and std 1.
/// @throws FormatError naming the first tensor that tells a size and is missing or has another number of axes.
WanVaeConfig wan_vae_config_from_tensors(const TensorMap& tensors);

}  // namespace action_images
