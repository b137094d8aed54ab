// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <action_images/data/clip_sampler.hpp>
#include <action_images/world/config.hpp>

namespace action_images {

/// Clips with numbers 0 .. count - 1, each the same whenever it is asked for.
struct ClipList {
  std::int64_t count = 0;
  std::function<Clip(std::int64_t)> clip;  ///< by place in the list; may be called from one thread
  std::string fingerprint;                 ///< of their contents
};

/// The clips that a world model takes: its size and frames, and as many views as it was trained for, or else 2.
WindowOptions window_of(const WorldConfig& config);

/// One clip of every episode, source after source; window, views and text are drawn from the sampler's seed and the
/// episode's number. The sampler is shared with the list.
ClipList one_clip_per_episode(std::shared_ptr<const ClipSampler> sampler);

/// The first `count` clips that the sampler draws.
ClipList drawn_clips(std::shared_ptr<const ClipSampler> sampler, std::int64_t count);

}  // namespace action_images
