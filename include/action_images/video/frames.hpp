// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace action_images {

/// Largest width and height of a picture that is read or written [px].
inline constexpr int max_picture_side = 16384;

/// Frames of one video, or one picture: 8-bit RGB, packed (frames, height, width, 3), row-major.
struct VideoFrames {
  std::vector<std::uint8_t> rgb;
  int frames = 0;
  int height = 0;
  int width = 0;
  double fps = 0.0;  ///< Frames per second; 0 for a picture or when the file does not say.

  /// Bytes of one frame.
  std::size_t frame_size() const { return std::size_t(height) * std::size_t(width) * 3; }
  /// First byte of frame `index`, 0 <= index < frames (not checked).
  const std::uint8_t* frame(int index) const { return rgb.data() + std::size_t(index) * frame_size(); }
};

/// The same layout in memory that somebody else owns (a NumPy array, a tensor); converts from VideoFrames.
struct FramesView {
  const std::uint8_t* rgb = nullptr;
  int frames = 0;
  int height = 0;
  int width = 0;

  FramesView(const std::uint8_t* rgb, int frames, int height, int width)
      : rgb(rgb), frames(frames), height(height), width(width) {}
  FramesView(const VideoFrames& video)  // NOLINT(google-explicit-constructor): a view stands for what it shows
      : FramesView(video.rgb.data(), video.frames, video.height, video.width) {}

  std::size_t frame_size() const { return std::size_t(height) * std::size_t(width) * 3; }
  const std::uint8_t* frame(int index) const { return rgb + std::size_t(index) * frame_size(); }
};

}  // namespace action_images
