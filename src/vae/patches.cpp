// SPDX-License-Identifier: Apache-2.0
#include "patches.hpp"

#include <ATen/ATen.h>

namespace action_images {

at::Tensor patches_from_video(const at::Tensor& video, const PatchVaeConfig& config) {
  const std::int64_t r = config.temporal_patch, s = config.spatial_patch;
  const std::int64_t batch = video.size(0), h = video.size(3) / s, w = video.size(4) / s;
  const at::Tensor before = video.narrow(2, 0, 1).expand({-1, -1, r - 1, -1, -1});
  const at::Tensor groups = at::cat({before, video}, 2);
  return groups.reshape({batch, 3, groups.size(2) / r, r, h, s, w, s})
      .permute({0, 2, 4, 6, 1, 3, 5, 7})
      .reshape({-1, config.patch_size()});
}

at::Tensor video_from_patches(const at::Tensor& patches, const std::array<std::int64_t, 4>& sizes,
                              const PatchVaeConfig& config) {
  const std::int64_t r = config.temporal_patch, s = config.spatial_patch;
  const auto [batch, frames, h, w] = sizes;
  const at::Tensor groups = patches.view({batch, frames, h, w, 3, r, s, s})
                                .permute({0, 4, 1, 5, 2, 6, 3, 7})
                                .reshape({batch, 3, frames * r, h * s, w * s});
  const at::Tensor first = groups.narrow(2, 0, r).mean(2, /*keepdim=*/true);
  return at::cat({first, groups.narrow(2, r, (frames - 1) * r)}, 2);
}

}  // namespace action_images
