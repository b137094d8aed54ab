// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <action_images/tensor/tensor_map.hpp>

namespace action_images {

/// Tensors of diffusers' AutoencoderKLWan (2.1 and 2.2) under the published names, which WanVae
/// carries; nothing is copied.
/// Names that are not diffusers' stay as they are.
/// @throws FormatError if two names become one.
TensorMap wan_vae_from_diffusers(const TensorMap& tensors);

}  // namespace action_images
