// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>

#include <action_images/codec/array.hpp>
#include <action_images/codec/rig.hpp>

namespace action_images {

/// Writes the Plücker rays of one camera, (H, W, 6) values, row-major.
template <typename Value>
void write_plucker(const Camera& camera, Value* values) {
  const Eigen::Matrix3d world_from_pixel = camera.world_from_camera().linear() * camera.intrinsics().inverse();
  const Eigen::Vector3d origin = camera.center();
  for (int row = 0; row < camera.height(); ++row) {
    const Eigen::Vector3d row_start = world_from_pixel.col(1) * (row + 0.5) + world_from_pixel.col(2);
    for (int column = 0; column < camera.width(); ++column, values += 6) {
      const Eigen::Vector3d direction = (row_start + world_from_pixel.col(0) * (column + 0.5)).normalized();
      const Eigen::Vector3d moment = origin.cross(direction);
      for (int i = 0; i < 3; ++i) {
        values[i] = static_cast<Value>(direction[i]);
        values[3 + i] = static_cast<Value>(moment[i]);
      }
    }
  }
}

/// Plücker coordinates of the ray of every pixel centre: unit direction d, then moment o x d, in world axes [1, m].
/// Models see the rays of `rig.relative_to_first()`.
/// @return (V, H, W, 6).
template <typename Value = float>
xt::xtensor<Value, 4> plucker(const Rig& rig) {
  const auto height = static_cast<std::size_t>(rig.height());
  const auto width = static_cast<std::size_t>(rig.width());
  auto rays = xt::xtensor<Value, 4>::from_shape({rig.size(), height, width, 6});
  for (std::size_t view = 0; view < rig.size(); ++view) {
    write_plucker(rig[view], rays.data() + view * height * width * 6);
  }
  return rays;
}

}  // namespace action_images
