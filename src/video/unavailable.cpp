// SPDX-License-Identifier: Apache-2.0
// The video layer of a build without FFmpeg: every function says so.
#ifndef ACTION_IMAGES_WITH_FFMPEG
#include <action_images/core/error.hpp>
#include <action_images/video.hpp>

namespace action_images {
namespace {

[[noreturn]] void unavailable(const std::string& where) {
  throw ValueError("[video::" + where +
                   "] this library was built without FFmpeg (libavformat, libavcodec, libswscale)");
}

}  // namespace

struct VideoWriter::Implementation {};
struct VideoReader::Implementation {};

VideoFrames read_image(const std::filesystem::path&) { unavailable("read_image"); }
void write_image(const std::filesystem::path&, const FramesView&) { unavailable("write_image"); }
VideoFrames read_video(const std::filesystem::path&, const FrameRange&) { unavailable("read_video"); }
void write_video(const std::filesystem::path&, const FramesView&, const VideoOptions&) { unavailable("write_video"); }

VideoWriter::VideoWriter(const std::filesystem::path&, int, int, const VideoOptions&) { unavailable("VideoWriter"); }
VideoWriter::~VideoWriter() = default;
VideoWriter::VideoWriter(VideoWriter&&) noexcept = default;
VideoWriter& VideoWriter::operator=(VideoWriter&&) noexcept = default;
void VideoWriter::add(const std::uint8_t*) { unavailable("VideoWriter"); }
void VideoWriter::finish() { unavailable("VideoWriter"); }

VideoReader::VideoReader(std::filesystem::path, const VideoReaderOptions&) { unavailable("VideoReader"); }
std::int64_t VideoReader::frames() const { unavailable("VideoReader"); }
int VideoReader::height() const { unavailable("VideoReader"); }
int VideoReader::width() const { unavailable("VideoReader"); }
double VideoReader::fps() const { unavailable("VideoReader"); }
std::vector<double> VideoReader::times() const { unavailable("VideoReader"); }
std::vector<std::int64_t> VideoReader::frames_at(std::span<const double>, double) const { unavailable("VideoReader"); }
VideoFrames VideoReader::read(std::span<const std::int64_t>, const PictureSize&, const ReadProgress&) const {
  unavailable("VideoReader");
}
void VideoReader::check_request(std::span<const std::int64_t>, const PictureSize&) const { unavailable("VideoReader"); }
void VideoReader::read_into(std::uint8_t*, std::span<const std::int64_t>, const PictureSize&,
                            const ReadProgress&) const {
  unavailable("VideoReader");
}

}  // namespace action_images
#endif
