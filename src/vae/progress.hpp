// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <action_images/core/interrupted.hpp>
#include <action_images/vae/video_vae.hpp>

namespace action_images {

/// Calls a progress callback, if there is one. @throws Interrupted if it returns false.
inline void report(const VaeProgress& progress, std::int64_t done, std::int64_t total) {
  if (progress && !progress(done, total)) throw Interrupted("[vae::VideoVae] stopped by the progress callback");
}

}  // namespace action_images
