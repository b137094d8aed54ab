// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <action_images/video/frames.hpp>

/// Frames of a video by number or time. Built without FFmpeg, everything here throws ValueError and says so.

namespace action_images {

/// Height and width of the pictures that are wanted [px]; both 0: the video's own.
struct PictureSize {
  int height = 0;
  int width = 0;
};

/// How a video is opened.
struct VideoReaderOptions {
  int threads = 1;                       ///< of the decoder in each call, 0 to 64; 0: one for every core
  std::filesystem::path index_folder{};  ///< keeps indices for later programs; empty: in memory only
};

/// Called now and then while frames are decoded, with the number of frames that are ready; false stops the reading.
using ReadProgress = std::function<bool(std::int64_t done, std::int64_t total)>;

/// Reads chosen frames of the first video stream of a file: only packets that they need are decoded, only they are
/// converted. Frame i is what read_video gives as number i.
///
/// Opening makes an index by one pass over the packets, without decoding; it is kept in memory (the least used go
/// first) for as long as the file's size and time of change stay. Where packets do not tell the frames (missing or
/// equal times, codecs that hide pictures), opening decodes everything once to count them, and each reading decodes
/// from the start; so does a reading behind a key picture that cannot be entered (open groups of pictures in H.264).
///
/// All members may be called from several threads at once. No file and no decoder stays open between calls.
class VideoReader {
 public:
  /// @throws FormatError naming the file if it is missing, not a video, damaged, cut short or without a frame;
  ///         ValueError on an option out of its range.
  explicit VideoReader(std::filesystem::path path, const VideoReaderOptions& options = {});

  const std::filesystem::path& path() const { return path_; }
  std::int64_t frames() const;
  int height() const;  ///< [px]
  int width() const;   ///< [px]
  double fps() const;  ///< frames per second; 0 if the file does not say
  /// When each frame is shown [s], rising; from the frame rate if the file has no times, empty without both.
  std::vector<double> times() const;

  /// The frame that is nearest to each time.
  /// @param seconds    times as in times() [s], any order.
  /// @param tolerance  largest distance of a frame [s], >= 0.
  /// @throws ValueError naming the file and the time if no frame is that near, or the file has no times.
  std::vector<std::int64_t> frames_at(std::span<const double> seconds, double tolerance) const;

  /// The frames of these numbers, in this order: centre-cropped to the aspect ratio, resized (antialiased, linear) and
  /// converted to RGB in one pass; pixel centres come to lie where `Camera::center_crop_resize` puts them.
  /// @param frames  numbers in 0..frames() - 1, any order, repeats allowed.
  /// @param size    sides of 1..max_picture_side.
  /// @return (frames.size(), height, width, 3) and the frame rate of the file.
  /// @throws ValueError if a number or a side is out of range, or for more than 16 GiB of pictures; FormatError naming
  /// the
  ///         file and the frame if it is damaged or the file was changed; Interrupted if `progress` returns false.
  VideoFrames read(std::span<const std::int64_t> frames, const PictureSize& size = {},
                   const ReadProgress& progress = {}) const;

  /// Throws what read() throws on numbers and sizes, without reading.
  void check_request(std::span<const std::int64_t> frames, const PictureSize& size) const;

  /// The same as read(), into memory of the caller.
  /// @param rgb  receives frames.size() * height * width * 3 bytes.
  void read_into(std::uint8_t* rgb, std::span<const std::int64_t> frames, const PictureSize& size = {},
                 const ReadProgress& progress = {}) const;

 private:
  struct Implementation;
  std::filesystem::path path_;
  std::shared_ptr<const Implementation> implementation_;
};

}  // namespace action_images
