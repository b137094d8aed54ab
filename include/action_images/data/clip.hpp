// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <action_images/codec/action.hpp>
#include <action_images/codec/rig.hpp>
#include <action_images/data/episode.hpp>

namespace action_images {

/// Changes of the pictures that keep views, actions and cameras consistent. Mirroring is not among them: it would need
/// a mirrored world.
struct Augmentation {
  double brightness = 0.0;  ///< values are multiplied by 1 - b .. 1 + b
  double contrast = 0.0;    ///< distance from the mean grey, by 1 - c .. 1 + c
  double saturation = 0.0;  ///< distance from each pixel's grey, by 1 - s .. 1 + s
  double crop = 0.0;  ///< a random part of the picture, of 1 - crop .. 1 of its sides, fills it; the camera follows

  bool any() const { return brightness > 0.0 || contrast > 0.0 || saturation > 0.0 || crop > 0.0; }
};

/// Which part of an episode becomes a clip.
struct WindowOptions {
  std::int64_t frames = 41;  ///< T; 0: all of the episode
  int height = 512;          ///< of the pictures [px]; 0: as the first view has them
  int width = 512;
  int views = 2;     ///< V, distinct and in random order, then again from the first one; 0: all, in their order
  int interval = 0;  ///< frames from one of the clip to the next; 0: the episode's
  Augmentation augmentation{};
};

/// @throws ValueError for options out of range.
void check_window(const WindowOptions& options, std::string_view where);

/// Some frames of an episode, the same of all views.
struct Clip {
  std::string text;
  at::Tensor video;                   ///< uint8 [V, T, H, W, 3]
  std::optional<Trajectory> actions;  ///< T
  Rig rig;                            ///< of the clip's pictures; named like the episode's views
  std::string source, episode;        ///< names
  std::string layout;                 ///< of the source
  std::int64_t start = 0;             ///< frame of the episode
  std::int64_t interval = 1;          ///< frame t of the clip is start + t * interval, or the episode's last
  std::vector<int> views;             ///< numbers among the episode's views
};

/// Cuts a clip, as the released implementation does: an episode with at most T frames is taken from its first on, frame
/// by frame, and its last one repeated; of a longer one, the first frame is drawn in 0 .. max(0, frames - T *
/// interval), and frames past the end are the last one. Text and views are drawn too.
/// @param seed  the draws follow from it alone.
/// @throws ValueError for a faulty episode, and as its pictures do.
Clip cut_clip(const Episode& episode, const WindowOptions& options, std::uint64_t seed);

}  // namespace action_images
