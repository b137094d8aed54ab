// SPDX-License-Identifier: Apache-2.0
#ifdef ACTION_IMAGES_WITH_FFMPEG
#include <action_images/video/video_reader.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>

#include <action_images/core/interrupted.hpp>

#include "frame_decoder.hpp"
#include "index_cache.hpp"
#include "picture_converter.hpp"

namespace action_images {
namespace {

constexpr int max_threads = 64;
constexpr std::uint64_t max_bytes = std::uint64_t(16) << 30;
constexpr auto where_opened = "video::VideoReader";
constexpr auto where_read = "video::VideoReader::read";

std::string number_of_file(std::string_view what, const std::filesystem::path& path) {
  return text_of(what, " of ", path.string());
}

PictureSize size_or(const PictureSize& size, const PictureSize& native) {
  return size.height == 0 && size.width == 0 ? native : size;
}

/// Where a frame's pictures go: the first slot of every wanted frame, in rising order of frames.
struct Wanted {
  std::vector<std::int64_t> frames;
  std::vector<std::size_t> slots;

  std::size_t slot(std::int64_t frame) const {
    return slots[static_cast<std::size_t>(std::lower_bound(frames.begin(), frames.end(), frame) - frames.begin())];
  }
};

Wanted wanted_of(std::span<const std::int64_t> frames) {
  std::vector<std::size_t> order(frames.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return frames[a] < frames[b]; });
  Wanted wanted;
  for (const std::size_t slot : order) {
    if (!wanted.frames.empty() && wanted.frames.back() == frames[slot]) continue;
    wanted.frames.push_back(frames[slot]);
    wanted.slots.push_back(slot);
  }
  return wanted;
}

/// Pictures that were asked for more than once.
void repeat(std::uint8_t* rgb, std::size_t picture, std::span<const std::int64_t> frames, const Wanted& wanted) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const std::size_t slot = wanted.slot(frames[i]);
    if (slot != i) std::memcpy(rgb + i * picture, rgb + slot * picture, picture);
  }
}

}  // namespace

struct VideoReader::Implementation {
  std::shared_ptr<const ffmpeg::VideoIndex> index;
  int threads = 1;
};

VideoReader::VideoReader(std::filesystem::path path, const VideoReaderOptions& options) : path_(std::move(path)) {
  check(options.threads >= 0 && options.threads <= max_threads, where_opened, "threads", text_of("0..", max_threads),
        options.threads);
  const auto index = ffmpeg::IndexCache::of_process().get(path_, options.index_folder, where_opened);
  implementation_ = std::make_shared<const Implementation>(Implementation{index, options.threads});
}

std::int64_t VideoReader::frames() const { return static_cast<std::int64_t>(implementation_->index->frames.size()); }
int VideoReader::height() const { return implementation_->index->parameters->height; }
int VideoReader::width() const { return implementation_->index->parameters->width; }
double VideoReader::fps() const { return implementation_->index->fps; }

std::vector<double> VideoReader::times() const {
  const ffmpeg::VideoIndex& index = *implementation_->index;
  std::vector<double> times;
  if (index.frames[0].pts == AV_NOPTS_VALUE) return times;
  times.reserve(index.frames.size());
  for (const ffmpeg::IndexedFrame& frame : index.frames) times.push_back(index.seconds(frame));
  return times;
}

std::vector<std::int64_t> VideoReader::frames_at(std::span<const double> seconds, double tolerance) const {
  constexpr auto where = "video::VideoReader::frames_at";
  check(std::isfinite(tolerance) && tolerance >= 0, where, "tolerance", "0 or more seconds", tolerance);
  const std::vector<double> known = times();
  check(!known.empty(), where, path_.string(), "a video that says when its frames are shown", "no times");
  std::vector<std::int64_t> frames;
  for (const double wanted : seconds) {
    auto next = std::lower_bound(known.begin(), known.end(), wanted);
    if (next == known.end() || (next != known.begin() && wanted - *(next - 1) <= *next - wanted)) --next;
    check(std::abs(*next - wanted) <= tolerance, where, number_of_file("seconds", path_),
          text_of("times within ", tolerance, " s of a frame, ", known.front(), " to ", known.back(), " s"), wanted);
    frames.push_back(next - known.begin());
  }
  return frames;
}

VideoFrames VideoReader::read(std::span<const std::int64_t> frames, const PictureSize& size,
                              const ReadProgress& progress) const {
  check_request(frames, size);
  const PictureSize target = size_or(size, {height(), width()});
  VideoFrames video;
  video.frames = static_cast<int>(std::min<std::size_t>(frames.size(), std::numeric_limits<int>::max()));
  video.height = target.height;
  video.width = target.width;
  video.fps = fps();
  video.rgb.resize(frames.size() * video.frame_size());
  read_into(video.rgb.data(), frames, size, progress);
  return video;
}

void VideoReader::read_into(std::uint8_t* rgb, std::span<const std::int64_t> frames, const PictureSize& size,
                            const ReadProgress& progress) const {
  check_request(frames, size);
  const PictureSize target = size_or(size, {height(), width()});
  if (frames.empty()) return;
  const Wanted wanted = wanted_of(frames);
  const auto total = static_cast<std::int64_t>(wanted.frames.size());
  const std::size_t picture = std::size_t(target.height) * std::size_t(target.width) * 3;
  ffmpeg::PictureConverter converter(target.height, target.width);
  std::int64_t done = 0;
  const auto sink = [&](std::int64_t frame, const AVFrame& decoded) {
    converter.convert(decoded, rgb + wanted.slot(frame) * picture);
    ++done;
  };
  const auto pause = [&] {
    if (progress && !progress(done, total)) throw Interrupted(text_of('[', where_read, "] stopped by the callback"));
  };
  ffmpeg::FrameDecoder decoder(implementation_->index, implementation_->threads, {where_read, path_});
  decoder.decode(wanted.frames, sink, pause);
  repeat(rgb, picture, frames, wanted);
}

void VideoReader::check_request(std::span<const std::int64_t> frames, const PictureSize& wanted) const {
  const PictureSize size = size_or(wanted, {height(), width()});
  check(std::min(size.height, size.width) >= 1 && std::max(size.height, size.width) <= max_picture_side, where_read,
        "size", text_of("height and width of 1..", max_picture_side, ", or 0, 0 for the video's own"),
        text_of(size.height, ", ", size.width));
  for (const std::int64_t frame : frames) {
    check(frame >= 0 && frame < this->frames(), where_read, number_of_file("frames", path_),
          text_of("0..", this->frames() - 1), frame);
  }
  const std::uint64_t picture = std::uint64_t(size.height) * std::uint64_t(size.width) * 3;
  check(frames.size() <= max_bytes / picture, where_read, "frames", "pictures of at most 16 GiB together",
        text_of(frames.size(), " of ", size.height, " x ", size.width));
}

}  // namespace action_images
#endif
