// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include <ATen/core/Tensor.h>

#include <action_images/vae/patch_vae.hpp>

namespace action_images {

/// Patches of a video (B, 3, r k + 1, H, W) as rows (B (k + 1) h w, P), P = 3 r s s in the order (channel, frame, row,
/// column); the first frame is repeated r times. Rows are ordered (B, T_l, h, w).
at::Tensor patches_from_video(const at::Tensor& video, const PatchVaeConfig& config);

/// The inverse, for latent sizes {B, T_l, h, w}: of the first group the mean is kept.
at::Tensor video_from_patches(const at::Tensor& patches, const std::array<std::int64_t, 4>& sizes,
                              const PatchVaeConfig& config);

}  // namespace action_images
