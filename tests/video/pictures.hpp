// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <unistd.h>

#include <action_images/core/error.hpp>
#include <action_images/video.hpp>

namespace action_images::test {

/// A folder of its own, removed with everything in it.
class Folder {
 public:
  Folder() {
    static int count = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("action_images_video_" + std::to_string(::getpid()) + "_" + std::to_string(count++));
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  std::ptrdiff_t count() const {
    return std::distance(std::filesystem::directory_iterator(path_), std::filesystem::directory_iterator());
  }

 private:
  std::filesystem::path path_;
};

/// Slowly moving coloured waves: smooth content whose colours cover most of the cube.
inline VideoFrames waves(int frames, int height, int width) {
  VideoFrames video{.rgb = {}, .frames = frames, .height = height, .width = width, .fps = 30.0};
  video.rgb.reserve(video.frame_size() * std::size_t(frames));
  for (int t = 0; t < frames; ++t) {
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const double u = x / 100.0, v = y / 100.0, w = 0.1 * t;
        for (const double wave : {std::sin(3 * u + w), std::cos(4 * v - w), std::sin(2 * (u + v) + 2 + w)}) {
          video.rgb.push_back(static_cast<std::uint8_t>(std::lround(128 + 110 * wave)));
        }
      }
    }
  }
  return video;
}

/// Peak signal-to-noise ratio [dB]; infinite for equal frames.
inline double psnr(const VideoFrames& a, const VideoFrames& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.rgb.size(); ++i) sum += std::pow(double(a.rgb[i]) - double(b.rgb.at(i)), 2);
  return 10 * std::log10(255.0 * 255.0 * double(a.rgb.size()) / sum);
}

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// What a call throws, "" if nothing.
template <typename Call>
std::string error_of(Call call) {
  try {
    call();
  } catch (const ValueError& error) {
    return error.what();
  }
  return "";
}

}  // namespace action_images::test
