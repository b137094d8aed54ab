// SPDX-License-Identifier: Apache-2.0
#include <action_images/data/clip.hpp>

#include <algorithm>
#include <cstring>
#include <numeric>

#include <ATen/ops/empty.h>

#include <action_images/core/check.hpp>
#include <action_images/data/random_stream.hpp>

#include "augment.hpp"

namespace action_images {
namespace {

constexpr auto where = "data::cut_clip";
constexpr double max_clip_bytes = 16.0 * (1 << 30);

// Each draw has a stream of its own, so that an option changes nothing but what it is about.
enum Draw : std::uint64_t { window_draw, views_draw, text_draw, augmentation_draw };

struct Window {
  std::int64_t start = 0;
  std::int64_t interval = 1;
  std::vector<std::int64_t> frames;
};

Window draw_window(const Episode& episode, const WindowOptions& options, RandomStream draw) {
  const std::int64_t total = episode.frames;
  Window window;
  const std::int64_t count = options.frames == 0 ? total : options.frames;
  if (total > count) {
    window.interval = options.interval == 0 ? episode.interval : options.interval;
    window.start = draw.below(std::max<std::int64_t>(0, total - count * window.interval) + 1);
  }
  for (std::int64_t t = 0; t < count; ++t) {
    window.frames.push_back(std::min(window.start + t * window.interval, total - 1));
  }
  return window;
}

std::vector<int> draw_views(int total, int wanted, RandomStream draw) {
  std::vector<int> views(static_cast<std::size_t>(total));
  std::iota(views.begin(), views.end(), 0);
  if (wanted == 0) return views;
  for (int i = 0; i + 1 < total; ++i) {
    std::swap(views[static_cast<std::size_t>(i)], views[static_cast<std::size_t>(i + draw.below(total - i))]);
  }
  for (std::size_t i = 0; std::ssize(views) < wanted; ++i) views.push_back(views[i]);
  views.resize(static_cast<std::size_t>(wanted));
  return views;
}

// Cameras of the frames of a view, after `fitted`.
template <typename Fit>
std::vector<Camera> cameras_of(const EpisodeView& view, const std::vector<std::int64_t>& frames, const Fit& fitted) {
  if (view.cameras.size() == 1) return {fitted(view.cameras[0])};
  std::vector<Camera> cameras;
  for (const std::int64_t frame : frames) {
    cameras.push_back(fitted(view.cameras[std::min(static_cast<std::size_t>(frame), view.cameras.size() - 1)]));
  }
  return cameras;
}

void check_bytes(std::size_t views, std::size_t frames, int height, int width) {
  const double bytes = 3.0 * static_cast<double>(views) * static_cast<double>(frames) * height * width;
  check(bytes <= max_clip_bytes, where, "options", "a clip of at most 16 GiB", text_of(bytes, " bytes"));
}

}  // namespace

void check_window(const WindowOptions& options, std::string_view where) {
  const auto in_range = [&](const char* name, std::int64_t value, std::int64_t most) {
    check(value >= 0 && value <= most, where, name, text_of("0..", most), value);
  };
  in_range("frames", options.frames, max_episode_frames);
  in_range("height", options.height, Camera::max_size);
  in_range("width", options.width, Camera::max_size);
  in_range("views", options.views, static_cast<std::int64_t>(max_episode_views));
  in_range("interval", options.interval, max_episode_frames);
  check((options.height == 0) == (options.width == 0), where, "height, width", "both or none of them 0",
        text_of(options.height, ", ", options.width));
  check_augmentation(options.augmentation, where);
}

Clip cut_clip(const Episode& episode, const WindowOptions& options, std::uint64_t seed) {
  check_window(options, where);
  check_episode(episode, where);
  const Window window = draw_window(episode, options, RandomStream{seed, window_draw});
  std::vector<int> views =
      draw_views(static_cast<int>(episode.views.size()), options.views, RandomStream{seed, views_draw});
  const Camera& first = episode.views[static_cast<std::size_t>(views[0])].cameras[0];
  const int height = options.height == 0 ? first.height() : options.height;
  const int width = options.width == 0 ? first.width() : options.width;
  check_bytes(views.size(), window.frames.size(), height, width);

  at::Tensor video = at::empty({std::ssize(views), std::ssize(window.frames), height, width, 3}, at::kByte);
  std::vector<std::vector<Camera>> cameras;
  std::vector<std::string> names;
  for (std::size_t view = 0; view < views.size(); ++view) {
    const EpisodeView& from = episode.views[static_cast<std::size_t>(views[view])];
    const ViewChange change(options.augmentation, height, width, RandomStream{seed, augmentation_draw, view});
    VideoFrames pictures = from.pictures->read(window.frames, change.read_height(), change.read_width());
    check_shape(pictures.frames == std::ssize(window.frames) && pictures.height == change.read_height() &&
                    pictures.width == change.read_width() &&
                    pictures.rgb.size() == pictures.frames * pictures.frame_size(),
                where, episode.name + ": pictures of " + from.name,
                shape_text({std::ssize(window.frames), change.read_height(), change.read_width(), 3}),
                {pictures.frames, pictures.height, pictures.width, 3});
    const at::Tensor target = video[static_cast<std::int64_t>(view)];
    change.apply(pictures, {target.mutable_data_ptr<std::uint8_t>(), static_cast<std::size_t>(target.numel())});
    cameras.push_back(cameras_of(from, window.frames, [&](const Camera& camera) { return change.apply(camera); }));
    names.push_back(from.name);
  }

  std::string text;
  if (!episode.texts.empty()) {
    text = episode.texts[static_cast<std::size_t>(RandomStream{seed, text_draw}.below(std::ssize(episode.texts)))];
  }
  std::optional<Trajectory> actions;
  if (episode.actions) {
    actions.emplace();
    for (const std::int64_t frame : window.frames)
      actions->push_back((*episode.actions)[static_cast<std::size_t>(frame)]);
  }
  return {.text = std::move(text),
          .video = std::move(video),
          .actions = std::move(actions),
          .rig = Rig::moving(cameras).named(std::move(names)),
          .source = {},
          .episode = episode.name,
          .layout = {},
          .start = window.start,
          .interval = window.interval,
          .views = std::move(views)};
}

}  // namespace action_images
