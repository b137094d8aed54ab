// SPDX-License-Identifier: Apache-2.0
#include <action_images/data/episode.hpp>

#include <cmath>

#include <action_images/core/check.hpp>

namespace action_images {
namespace {

void check_view(const EpisodeView& view, const std::string& name, const Episode& episode, std::string_view where) {
  check(view.pictures != nullptr, where, name + ".pictures", "a source of frames", "none");
  const std::size_t count = view.cameras.size();
  check(count >= 1 && count <= static_cast<std::size_t>(max_episode_frames), where, name + ".cameras",
        text_of("1 to ", episode.frames), count);
  for (const Camera& camera : view.cameras) {
    const bool equal = camera.width() == view.cameras[0].width() && camera.height() == view.cameras[0].height();
    check(equal, where, name + ".cameras", "pictures of one size", "several sizes");
  }
}

}  // namespace

void check_episode(const Episode& episode, std::string_view where) {
  const std::string name = printable(episode.name, 400);
  check(!episode.views.empty() && episode.views.size() <= max_episode_views, where, name + ": views",
        text_of("1..", max_episode_views), episode.views.size());
  check(episode.frames >= 1 && episode.frames <= max_episode_frames, where, name + ": frames",
        text_of("1..", max_episode_frames), episode.frames);
  check(std::isfinite(episode.frame_rate) && episode.frame_rate >= 0.0, where, name + ": frame_rate",
        "a finite number, at least 0", episode.frame_rate);
  check(episode.interval >= 1, where, name + ": interval", "at least 1", episode.interval);
  for (std::size_t view = 0; view < episode.views.size(); ++view) {
    check_view(episode.views[view], text_of(name, ": views[", view, "]"), episode, where);
  }
  if (!episode.actions) return;
  check<ShapeError>(std::ssize(*episode.actions) == episode.frames, where, name + ": actions",
                    text_of(episode.frames, " rows, as there are frames"), episode.actions->size());
  for (std::int64_t t = 0; t < episode.frames; ++t) {
    const Action& action = (*episode.actions)[static_cast<std::size_t>(t)];
    const bool sound = action.is_finite() && action.openness >= 0.0 && action.openness <= 1.0;
    if (!sound) {
      throw ValueError(expected_text(where, text_of(name, ": actions[", t, ']'),
                                     "finite numbers and an openness in [0, 1]",
                                     text_of(matrix_from_trajectory({action}))));
    }
  }
}

}  // namespace action_images
