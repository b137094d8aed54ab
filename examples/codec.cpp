// SPDX-License-Identifier: Apache-2.0
// Draws a motion as action images in two views and reads it back.
#include <iostream>

#include <action_images/codec.hpp>

namespace aim = action_images;

/// Camera at `position` [m] that looks at the origin.
aim::Camera camera_at(const Eigen::Vector3d& position, int size) {
  Eigen::Matrix4d world_from_camera = Eigen::Matrix4d::Identity();
  const Eigen::Vector3d forward = -position.normalized();
  const Eigen::Vector3d right = forward.cross(Eigen::Vector3d::UnitZ()).normalized();
  world_from_camera.topLeftCorner<3, 4>() << right, forward.cross(right), forward, position;
  Eigen::Matrix3d intrinsics;
  intrinsics << size, 0, 0.5 * size, 0, size, 0.5 * size, 0, 0, 1;
  return {intrinsics, world_from_camera, size, size};
}

int main() {
  const aim::Rig rig({camera_at({0.6, 0.5, 0.6}, 256), camera_at({0.6, -0.5, 0.6}, 256)});
  aim::Trajectory actions;
  for (int t = 0; t < 9; ++t) actions.push_back({{0.01 * t, 0.0, 0.1}, {3.0, 0.1 * t, 0.0}, 1.0 - t / 8.0});
  const auto images = aim::encode(actions, rig, {.convention = aim::Convention::paper});
  const aim::Decoded decoded = aim::decode(images, rig);
  for (std::size_t t = 0; t < actions.size(); ++t) {
    const double error = (decoded.actions[t].position - actions[t].position).norm();
    std::cout << "frame " << t << ": error " << 1e3 * error << " mm, openness " << decoded.actions[t].openness
              << ", confidence " << decoded.confidence[t] << '\n';
  }
}
