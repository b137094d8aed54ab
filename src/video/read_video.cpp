// SPDX-License-Identifier: Apache-2.0
#ifdef ACTION_IMAGES_WITH_FFMPEG
#include <action_images/video/video.hpp>

#include "colour.hpp"
#include "decoder.hpp"

namespace action_images {
namespace {

constexpr auto where = "video::read_video";
constexpr std::size_t max_bytes = std::size_t(16) << 30;

/// Appends one frame to those read so far.
void append(VideoFrames& video, ffmpeg::RgbReader& reader, const AVFrame& frame) {
  video.height = frame.height;
  video.width = frame.width;
  const std::size_t end = std::size_t(video.frames + 1) * video.frame_size();
  check(end <= max_bytes, where, "range", "frames of at most 16 GiB together", text_of("more than ", video.frames));
  if (end > video.rgb.capacity()) video.rgb.reserve(2 * end);
  video.rgb.resize(end);
  reader.convert(frame, video.rgb.data() + end - video.frame_size());
  ++video.frames;
}

}  // namespace

VideoFrames read_video(const std::filesystem::path& path, const FrameRange& range) {
  check(range.first >= 0 && range.frames >= 1, where, "range", "first >= 0 and frames >= 1",
        text_of("first ", range.first, ", frames ", range.frames));
  ffmpeg::Decoder decoder(path, where);
  ffmpeg::RgbReader reader;
  VideoFrames video;
  video.fps = decoder.fps();
  std::int64_t index = 0;
  while (video.frames < range.frames) {
    const AVFrame* frame = decoder.next();
    if (frame == nullptr) break;
    if (index++ >= range.first) append(video, reader, *frame);
  }
  if (video.frames == 0) {
    ffmpeg::fail(where, path, text_of("a frame from number ", range.first, " on"), text_of(index, " frames"));
  }
  return video;
}

}  // namespace action_images
#endif
