// SPDX-License-Identifier: Apache-2.0
// Cameras, motions and distances that the codec's tests share.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include <action_images/codec/action.hpp>
#include <action_images/codec/array.hpp>
#include <action_images/codec/decoded.hpp>
#include <action_images/codec/rig.hpp>

namespace action_images::test {

/// Camera that looks at (0, 0, 0.06) from an azimuth, 45 degrees above. `mirror` -1: negative focal lengths.
inline Camera camera_around(double azimuth, int size, double mirror = 1.0) {
  const Eigen::Vector3d position(0.57 * std::cos(azimuth), 0.57 * std::sin(azimuth), 0.63);
  const Eigen::Vector3d forward = (Eigen::Vector3d(0, 0, 0.06) - position).normalized();
  const Eigen::Vector3d right = forward.cross(Eigen::Vector3d::UnitZ()).normalized();
  Eigen::Matrix4d world_from_camera = Eigen::Matrix4d::Identity();
  world_from_camera.topLeftCorner<3, 4>() << mirror * right, mirror * forward.cross(right), forward, position;
  const double focal = mirror * 1.2 * size;
  Eigen::Matrix3d intrinsics;
  intrinsics << focal, 0, 0.5 * size, 0, focal, 0.5 * size, 0, 0, 1;
  return {intrinsics, world_from_camera, size, size};
}

inline Rig rig_around(int views, int size, double mirror = 1.0) {
  std::vector<Camera> cameras;
  for (int view = 0; view < views; ++view) cameras.push_back(camera_around(-0.7 + 1.4 * view, size, mirror));
  return Rig(cameras);
}

inline Trajectory random_motion(int frames, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> unit(-1.0, 1.0);
  Trajectory actions;
  for (int t = 0; t < frames; ++t) {
    const Eigen::Vector3d position(0.12 * unit(random), 0.12 * unit(random), 0.1 + 0.08 * unit(random));
    const Eigen::Vector3d euler(3.1 * unit(random), 1.5 * unit(random), 3.1 * unit(random));
    actions.push_back({position, euler, t % 3 == 0 ? 1.0 : (t % 3 == 1 ? 0.0 : 0.5 + 0.5 * unit(random))});
  }
  return actions;
}

struct Errors {
  double mean_position = 0.0;  ///< [m]
  double rotation = 0.0;       ///< largest [rad]
  double openness = 0.0;       ///< largest
};

/// Distances of decoded from true actions; `binary`: the openness is one of 0 and 1.
inline Errors errors_of(const Decoded& decoded, const Trajectory& actions, bool binary) {
  Errors errors;
  for (std::size_t t = 0; t < actions.size(); ++t) {
    const Action& got = decoded.actions[t];
    const Eigen::Matrix3d turn = rotation_from_euler(got.euler).transpose() * rotation_from_euler(actions[t].euler);
    const double openness = binary ? (actions[t].openness > 0.5 ? 1.0 : 0.0) : actions[t].openness;
    errors.mean_position += (got.position - actions[t].position).norm() / static_cast<double>(actions.size());
    errors.rotation = std::max(errors.rotation, Eigen::AngleAxisd(turn).angle());
    errors.openness = std::max(errors.openness, std::abs(got.openness - openness));
  }
  return errors;
}

/// Adds Gaussian noise of a standard deviation in grey levels.
inline void add_noise(Images<std::uint8_t>& images, double levels, unsigned seed = 3) {
  std::mt19937 random(seed);
  std::normal_distribution<double> noise(0.0, levels);
  for (std::uint8_t& value : images) {
    value = static_cast<std::uint8_t>(std::clamp(std::round(value + noise(random)), 0.0, 255.0));
  }
}

/// Box blur over (2 radius + 1)^2 pixels and a weaker contrast, as a generative model may leave it.
inline Images<std::uint8_t> blurred(const Images<std::uint8_t>& images, int radius, double contrast) {
  Images<std::uint8_t> result(images);
  const auto& shape = images.shape();
  const int height = static_cast<int>(shape[2]);
  const int width = static_cast<int>(shape[3]);
  for (std::size_t picture = 0; picture < shape[0] * shape[1]; ++picture) {
    const std::uint8_t* source = images.data() + picture * shape[2] * shape[3] * 3;
    std::uint8_t* target = result.data() + picture * shape[2] * shape[3] * 3;
    for (int i = 0; i < height * width * 3; ++i) {
      double sum = 0.0;
      for (int dy = -radius; dy <= radius; ++dy) {
        for (int dx = -radius; dx <= radius; ++dx) {
          const int y = std::clamp(i / 3 / width + dy, 0, height - 1);
          const int x = std::clamp(i / 3 % width + dx, 0, width - 1);
          sum += source[(y * width + x) * 3 + i % 3];
        }
      }
      const double mean = sum / ((2 * radius + 1) * (2 * radius + 1));
      target[i] = static_cast<std::uint8_t>(std::round(contrast * mean));
    }
  }
  return result;
}

}  // namespace action_images::test
