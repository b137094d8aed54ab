// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <action_images/codec/action.hpp>
#include <action_images/codec/camera.hpp>
#include <action_images/video/frames.hpp>

namespace action_images {

/// Where the pictures of one view come from. Safe to use from several threads.
class FrameSource {
 public:
  virtual ~FrameSource() = default;

  /// The frames of these indices (0-based within the episode, any order, repeats allowed), brought to one size as
  /// `Camera::center_crop_resize` does with their camera.
  /// @throws ValueError for an index that there is not; FormatError for a file that cannot be read.
  virtual VideoFrames read(std::span<const std::int64_t> frames, int height, int width) const = 0;

  /// How many frames there are, if the source can say without reading them.
  virtual std::optional<std::int64_t> frames() const { return std::nullopt; }
};

/// What one camera saw of an episode.
struct EpisodeView {
  std::string name;
  std::vector<Camera>
      cameras;  ///< one, or one of every frame (the last serves from its end on); of the pictures' own size
  std::shared_ptr<const FrameSource> pictures;
};

/// One demonstration: plain data, whose pictures are read when they are asked for.
struct Episode {
  std::string name;                ///< where it comes from, for messages: a path
  std::vector<std::string> texts;  ///< instructions that say the same; none is like an empty one
  std::int64_t frames = 0;         ///< T >= 1 of all views
  double frame_rate = 0.0;         ///< [1/s]; 0: unknown
  std::vector<EpisodeView> views;
  std::optional<Trajectory> actions;  ///< T, or none
  int interval = 1;                   ///< frames from one of a clip to the next, if the user does not say otherwise
};

/// Most views and frames of an episode.
inline constexpr std::size_t max_episode_views = 64;
inline constexpr std::int64_t max_episode_frames = 1 << 20;

/// @throws ValueError naming what is wrong: no frames, views, cameras or pictures, or too many; actions that are not T,
///         not finite or with an openness outside [0, 1]; a frame rate that is negative or not finite;
///         an interval below 1.
void check_episode(const Episode& episode, std::string_view where);

}  // namespace action_images
