// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/clip_list.hpp>

#include <utility>

namespace action_images {
namespace {

Clip clip_of_episode(const ClipSampler& sampler, std::int64_t index) {
  std::int64_t place = index;
  for (const MixtureSource& part : sampler.sources()) {
    const std::int64_t size = part.source->size();
    if (place < size) {
      Clip clip = cut_clip(part.source->episode(place), sampler.options().window,
                           sampler.options().seed + static_cast<std::uint64_t>(index));
      clip.source = part.source->name();
      clip.layout = part.source->layout();
      return clip;
    }
    place -= size;
  }
  throw ValueError(expected_text("train::one_clip_per_episode", "index", text_of("below ", sampler.episodes()),
                                 text_of(index)));
}

}  // namespace

WindowOptions window_of(const WorldConfig& config) {
  return {.frames = config.frames,
          .height = static_cast<int>(config.height),
          .width = static_cast<int>(config.width),
          .views = static_cast<int>(config.views > 0 ? config.views : 2)};
}

ClipList one_clip_per_episode(std::shared_ptr<const ClipSampler> sampler) {
  const std::int64_t count = sampler->episodes();
  const std::string fingerprint = sampler->fingerprint() + " episodes";
  const auto clip = [sampler = std::move(sampler)](std::int64_t index) { return clip_of_episode(*sampler, index); };
  return {count, clip, fingerprint};
}

ClipList drawn_clips(std::shared_ptr<const ClipSampler> sampler, std::int64_t count) {
  const std::string fingerprint = sampler->fingerprint() + " drawn";
  return {count, [sampler = std::move(sampler)](std::int64_t index) { return sampler->clip(index); }, fingerprint};
}

}  // namespace action_images
