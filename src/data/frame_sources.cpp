// SPDX-License-Identifier: Apache-2.0
#include <action_images/data/frame_sources.hpp>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include <ATen/ops/from_blob.h>

#include <action_images/core/check.hpp>
#include <action_images/tensor/crop_resize.hpp>
#include <action_images/video/video_reader.hpp>

namespace action_images {
namespace {

// The chosen frames of an array, fitted. Equal neighbours, as at the end of a short episode, are fitted once.
VideoFrames chosen_frames(const FramesView& all, std::span<const std::int64_t> chosen, int height, int width) {
  VideoFrames result{.rgb = {}, .frames = static_cast<int>(chosen.size()), .height = height, .width = width};
  result.rgb.resize(chosen.size() * result.frame_size());
  std::uint8_t* target = result.rgb.data();
  for (std::size_t i = 0; i < chosen.size(); ++i, target += result.frame_size()) {
    if (i > 0 && chosen[i] == chosen[i - 1]) {
      std::memcpy(target, target - result.frame_size(), result.frame_size());
      continue;
    }
    auto* const frame = const_cast<std::uint8_t*>(all.frame(static_cast<int>(chosen[i])));
    const at::Tensor fitted =
        center_crop_resize(at::from_blob(frame, {all.height, all.width, 3}, at::kByte), height, width);
    std::memcpy(target, fitted.const_data_ptr(), result.frame_size());
  }
  return result;
}

void check_chosen(std::span<const std::int64_t> chosen, std::int64_t frames) {
  for (const std::int64_t index : chosen) {
    check(index >= 0 && index < frames, "data::FrameSource::read", "frames", text_of("numbers in 0..", frames - 1),
          index);
  }
}

class MemoryFrames : public FrameSource {
 public:
  MemoryFrames(const FramesView& frames, std::shared_ptr<const void> owner)
      : frames_(frames), owner_(std::move(owner)) {}

  VideoFrames read(std::span<const std::int64_t> frames, int height, int width) const override {
    check_chosen(frames, frames_.frames);
    return chosen_frames(frames_, frames, height, width);
  }

  std::optional<std::int64_t> frames() const override { return frames_.frames; }

 private:
  FramesView frames_;
  std::shared_ptr<const void> owner_;
};

class FileFrames : public FrameSource {
 public:
  FileFrames(std::filesystem::path path, std::int64_t first) : path_(std::move(path)), first_(first) {}

  VideoFrames read(std::span<const std::int64_t> frames, int height, int width) const override {
    const VideoReader reader(path_);
    std::vector<std::int64_t> in_file(frames.begin(), frames.end());
    for (std::int64_t& index : in_file) {
      check<FormatError>(index >= 0 && index < reader.frames() - first_, "data::FrameSource::read", path_.string(),
                         text_of("a frame ", first_ + index), text_of(reader.frames(), " frames"));
      index += first_;
    }
    return reader.read(in_file, {height, width});
  }

  std::optional<std::int64_t> frames() const override {
    return std::max<std::int64_t>(0, video_info(path_).frames - first_);
  }

 private:
  std::filesystem::path path_;
  std::int64_t first_;
};

}  // namespace

VideoInfo video_info(const std::filesystem::path& path) {
  const VideoReader reader(path);
  return {reader.frames(), reader.height(), reader.width(), reader.fps()};
}

std::shared_ptr<const FrameSource> video_file_frames(const std::filesystem::path& path, std::int64_t first) {
  check(first >= 0, "data::video_file_frames", "first", "at least 0", first);
  return std::make_shared<FileFrames>(path, first);
}

std::shared_ptr<const FrameSource> frames_in_memory(VideoFrames frames) {
  const bool fits =
      frames.frames >= 0 && frames.rgb.size() == static_cast<std::size_t>(frames.frames) * frames.frame_size();
  check_shape(fits, "data::frames_in_memory", "frames", "as many bytes as the sizes say",
              {frames.frames, frames.height, frames.width, 3});
  const auto owner = std::make_shared<VideoFrames>(std::move(frames));
  return frames_in_memory(FramesView(*owner), owner);
}

std::shared_ptr<const FrameSource> frames_in_memory(const FramesView& frames, std::shared_ptr<const void> owner) {
  const bool sized = frames.frames >= 1 && frames.height >= 1 && frames.width >= 1;
  check_shape(sized, "data::frames_in_memory", "frames", "(T >= 1, H, W, 3)",
              {frames.frames, frames.height, frames.width, 3});
  return std::make_shared<MemoryFrames>(frames, std::move(owner));
}

}  // namespace action_images
