// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/clip_sources.hpp>

#include <utility>

#include <action_images/train/tasks.hpp>

namespace action_images {

namespace {

constexpr std::uint64_t cache_stream = 0x6361636865;  // so that a sample's clip and its noise have unrelated numbers

}  // namespace

LatentClip CachedClips::clip(std::int64_t index) {
  at::Generator generator = sample_generator(seed_ ^ cache_stream, index);
  return cache_.clip(draw_index(cache_.size(), generator));
}

LatentClip EncodedClips::clip(std::int64_t index) {
  const double before = loader_->wait_seconds();
  const std::optional<Clip> next = loader_->next();
  waited_ += loader_->wait_seconds() - before;
  check(next.has_value(), "train::EncodedClips", "index", "one of the run's samples", index);
  return encode_clip(*next, *config_, *vae_, options_);
}

double EncodedClips::waited() { return std::exchange(waited_, 0.0); }

}  // namespace action_images
