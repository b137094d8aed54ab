// SPDX-License-Identifier: Apache-2.0
// Pixels with noise and wrong ones, and rigs in another frame, that the tests of scale and cameras share.
#pragma once

#include <algorithm>
#include <random>
#include <vector>

#include <action_images/calibration/point_pixels.hpp>
#include <action_images/calibration/similarity.hpp>

#include "../codec/scenes.hpp"

namespace action_images::test {

/// Where estimated cameras may be: another unit, turned and shifted.
inline Similarity some_frame() { return {0.37, rotation_from_euler({0.3, -1.0, 2.0}), {1.0, 2.0, 3.0}}; }

/// Pixels of actions with Gaussian noise [px]; a share of them is anywhere in the picture.
inline PointPixels seen_pixels(const Rig& rig, const Trajectory& actions, double noise = 0.0, double wrong = 0.0,
                               unsigned seed = 5) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0.0, 1.0);
  std::uniform_real_distribution<double> unit(0.0, 1.0);
  PointPixels pixels = point_pixels(view_of(pixel_actions(actions, rig)), Convention::paper, "test");
  for (PixelPoints& points : pixels.seen) {
    for (auto& pixel : points) {
      *pixel += noise * Eigen::Vector2d(normal(random), normal(random));
      if (unit(random) < wrong) *pixel = Eigen::Vector2d(rig.width() * unit(random), rig.height() * unit(random));
    }
  }
  return pixels;
}

/// Cameras that are a little off: turned by about `turn` [rad], shifted by `shift` [m], focal lengths times `focal`.
inline Rig disturbed(const Rig& rig, double turn, double shift, double focal = 1.0, unsigned seed = 7) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0.0, 1.0);
  const auto draw = [&](double size) {
    return Eigen::Vector3d(size * normal(random), size * normal(random), size * normal(random));
  };
  return rig.transformed([&](const Camera& camera) {
    Eigen::Matrix4d pose = camera.world_from_camera().matrix();
    pose.topLeftCorner<3, 3>() = rotation_from_euler(draw(turn)) * Eigen::Matrix3d(pose.topLeftCorner<3, 3>());
    pose.topRightCorner<3, 1>() += draw(shift);
    Eigen::Matrix3d intrinsics = camera.intrinsics();
    intrinsics.topLeftCorner<2, 2>() *= focal;
    return Camera(intrinsics, pose, camera.width(), camera.height(), camera.distortion());
  });
}

/// The largest distance of the centres of two rigs' cameras [m].
inline double center_error(const Rig& a, const Rig& b) {
  double largest = 0.0;
  for (std::size_t view = 0; view < a.size(); ++view) {
    largest = std::max(largest, (a[view].center() - b[view].center()).norm());
  }
  return largest;
}

/// The largest angle between the orientations of two rigs' cameras [rad].
inline double turn_error(const Rig& a, const Rig& b) {
  double largest = 0.0;
  for (std::size_t view = 0; view < a.size(); ++view) {
    const Eigen::Matrix3d turn =
        a[view].world_from_camera().linear().transpose() * b[view].world_from_camera().linear();
    largest = std::max(largest, Eigen::AngleAxisd(turn).angle());
  }
  return largest;
}

}  // namespace action_images::test
