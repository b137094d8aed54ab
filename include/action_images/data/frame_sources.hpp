// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include <action_images/data/episode.hpp>

namespace action_images {

/// What a video file says about itself.
struct VideoInfo {
  std::int64_t frames = 0;
  int height = 0;
  int width = 0;
  double frame_rate = 0.0;  ///< [1/s]; 0: unknown
};

/// @throws FormatError naming a file that is no video.
VideoInfo video_info(const std::filesystem::path& path);

/// Frames of a video file, from `first` on: an episode may be a part of a file. The file is opened when frames are
/// read.
std::shared_ptr<const FrameSource> video_file_frames(const std::filesystem::path& path, std::int64_t first = 0);

/// Frames that are in memory.
/// @throws ShapeError if there is none, or if `frames` does not hold what its sizes say.
std::shared_ptr<const FrameSource> frames_in_memory(VideoFrames frames);

/// Frames that somebody else owns and `owner` keeps alive.
std::shared_ptr<const FrameSource> frames_in_memory(const FramesView& frames, std::shared_ptr<const void> owner);

}  // namespace action_images
