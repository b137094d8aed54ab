// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>

#include <action_images/video/frames.hpp>

/// Videos on disk. Built without FFmpeg, everything here throws ValueError and says so.

namespace action_images {

/// Which frames to read: at most `frames` of them from `first` on.
struct FrameRange {
  std::int64_t first = 0;
  std::int64_t frames = std::numeric_limits<std::int64_t>::max();
};

/// Reads the first video stream of a file as RGB, every stored frame once, in presentation order; the file's own colour
/// matrix and range are honoured (without tags: BT.709 from 720 lines on, else BT.601).
/// @return (frames, height, width, 3) and the frame rate; fewer frames than asked for when the file ends before.
/// @throws ValueError if the range is negative, or if the frames asked for need more than 16 GiB;
///         FormatError naming the file if it is missing, not a video, damaged, cut short, without a frame in the range,
///         of changing size, or larger than max_picture_side.
VideoFrames read_video(const std::filesystem::path& path, const FrameRange& range = {});

/// How a video is written.
///
/// Colours are stored as BT.709, limited range, and tagged so. "yuv420p" plays everywhere; it halves the resolution of
/// colour, and needs even sizes: a video with an odd side is written as "yuv444p" instead, so that sizes never change.
/// Nothing at all is lost with {.crf = 0, .codec = "libx264rgb", .pixel_format = "rgb24"}; {.crf = 0, .pixel_format =
/// "yuv444p"} loses the rounding of the colour conversion only.
struct VideoOptions {
  double fps = 30.0;                     ///< Frames per second, above 0 up to 1000.
  double crf = 18.0;                     ///< Constant rate factor of x264, 0 (best) to 51.
  std::string codec = "libx264";         ///< FFmpeg's name of an encoder.
  std::string pixel_format = "yuv420p";  ///< FFmpeg's name of a format that the encoder takes.
  int keyframes = 0;                     ///< Most frames from one keyframe to the next; 0: the encoder's own choice.
};

/// Writes a video frame by frame; the container follows from the file's ending (mp4, mkv, mov, avi...).
///
/// Everything goes to a temporary file beside `path`, which takes its name in finish(): a reader never sees half a
/// video, and a writer that is destroyed before finish() leaves nothing behind. The same frames and options give the
/// same bytes. In mp4 and mov the index stands in front, so that a browser starts before it has all.
class VideoWriter {
 public:
  /// @throws ShapeError if a side is not in 1..max_picture_side; ValueError on an option out of its range, an unknown
  ///         encoder, format or file ending; FormatError naming the file if it cannot be created.
  VideoWriter(const std::filesystem::path& path, int height, int width, const VideoOptions& options = {});
  ~VideoWriter();
  VideoWriter(VideoWriter&&) noexcept;
  VideoWriter& operator=(VideoWriter&&) noexcept;

  /// Appends one frame.
  /// @param rgb  height * width * 3 bytes, packed RGB.
  /// @throws ValueError after finish(); FormatError if the disk refuses.
  void add(const std::uint8_t* rgb);

  /// Completes the file and gives it its name.
  /// @throws ValueError without a frame, or when called twice; FormatError if the disk refuses.
  void finish();

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

/// Writes all frames at once. @throws as VideoWriter does.
void write_video(const std::filesystem::path& path, const FramesView& video, const VideoOptions& options = {});

}  // namespace action_images
