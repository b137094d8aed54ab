// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <action_images/vae/video_vae.hpp>

namespace action_images {

/// Progress of part `index` of `count` equal parts, in that of the whole.
inline VaeOptions part_of(const VaeOptions& options, std::int64_t index, std::int64_t count) {
  VaeOptions part = options;
  if (!options.progress) return part;
  part.progress = [progress = options.progress, index, count](std::int64_t done, std::int64_t total) {
    return progress(index * total + done, count * total);
  };
  return part;
}

}  // namespace action_images
