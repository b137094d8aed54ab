// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include <action_images/core/error.hpp>
#include <action_images/data/episode_source.hpp>
#include <action_images/data/frame_sources.hpp>

/// Small synthetic episodes: red says the frame, green the column, blue the row and the view.
namespace action_images::made {

/// A folder of its own, removed with everything in it.
class Folder {
 public:
  Folder() {
    static std::atomic<int> count{0};
    path_ = std::filesystem::temp_directory_path() /
            ("action_images_data_" + std::to_string(::getpid()) + "_" + std::to_string(count++));
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline VideoFrames pictures(int frames, int height, int width, int view = 0) {
  VideoFrames video{.rgb = {}, .frames = frames, .height = height, .width = width, .fps = 15.0};
  for (int t = 0; t < frames; ++t) {
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        for (const int value : {5 * t, 4 * x, 4 * y + 40 * view}) video.rgb.push_back(static_cast<std::uint8_t>(value));
      }
    }
  }
  return video;
}

inline Camera camera(int height, int width, int view = 0, int time = 0) {
  Eigen::Matrix3d intrinsics;
  intrinsics << width, 0, 0.5 * width, 0, width, 0.5 * height, 0, 0, 1;
  Eigen::Matrix4d pose = Eigen::Matrix4d::Identity();
  pose.topRightCorner<3, 1>() << 0.1 * view + 0.001 * time, 0.0, -0.5;
  return {intrinsics, pose, width, height};
}

inline Trajectory actions(int frames) {
  Trajectory trajectory;
  for (int t = 0; t < frames; ++t) {
    const double share = static_cast<double>(t) / frames;
    trajectory.push_back({{0.05 * share, 0.02, 0.0}, {0.1 * share, 0.0, 0.2}, 1.0 - share});
  }
  return trajectory;
}

struct Kind {
  int frames = 12;
  int views = 2;
  int height = 24;
  int width = 32;
  bool moving = false;
};

inline Episode episode(const Kind& kind = {}, std::string name = "made up") {
  Episode episode{.name = std::move(name),
                  .texts = {"reach the red block", "go to the red block"},
                  .frames = kind.frames,
                  .frame_rate = 15.0,
                  .views = {},
                  .actions = actions(kind.frames),
                  .interval = 1};
  for (int view = 0; view < kind.views; ++view) {
    std::vector<Camera> cameras;
    for (int t = 0; t < (kind.moving ? kind.frames : 1); ++t)
      cameras.push_back(camera(kind.height, kind.width, view, t));
    episode.views.push_back({"cam" + std::to_string(view), cameras,
                             frames_in_memory(pictures(kind.frames, kind.height, kind.width, view))});
  }
  return episode;
}

/// Episodes in memory; those whose number is in `bad` throw.
class Episodes : public EpisodeSource {
 public:
  Episodes(std::string name, std::int64_t size, Kind kind = {}, std::vector<std::int64_t> bad = {})
      : name_(std::move(name)), size_(size), kind_(kind), bad_(std::move(bad)) {}

  std::string name() const override { return name_; }
  std::int64_t size() const override { return size_; }
  std::string fingerprint() const override { return name_; }

  Episode episode(std::int64_t index) const override {
    check_episode_index(*this, index, "made::Episodes");
    for (const std::int64_t bad : bad_) {
      if (bad == index)
        throw FormatError("[made::Episodes] " + episode_name(index) + ": expected a good one, got a bad one");
    }
    return made::episode(kind_, episode_name(index));
  }

 private:
  std::string name_;
  std::int64_t size_;
  Kind kind_;
  std::vector<std::int64_t> bad_;
};

}  // namespace action_images::made
