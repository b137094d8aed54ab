// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>

#include <action_images/codec/array.hpp>
#include <action_images/codec/rig.hpp>

namespace action_images {

struct PluckerOptions {
  double moment_scale = 1.0;  ///< factor of the moments; the released model takes 1/3
};

/// Writes the Plücker rays of one camera, (H, W, 6) values, row-major; NaN where its lens shows nothing.
template <typename Value>
void write_plucker(const Camera& camera, Value* values, const PluckerOptions& options = {}) {
  const Eigen::Matrix3d world_from_pixel = camera.world_from_camera().linear() * camera.intrinsics().inverse();
  const Eigen::Vector3d origin = camera.center() * options.moment_scale;
  const bool pinhole = camera.distortion().is_none();
  for (int row = 0; row < camera.height(); ++row) {
    for (int column = 0; column < camera.width(); ++column, values += 6) {
      const Eigen::Vector2d pixel(column + 0.5, row + 0.5);
      Eigen::Vector3d direction = (world_from_pixel * pixel.homogeneous()).normalized();
      if (!pinhole) {
        const auto ray = camera.ray(pixel);
        direction = ray ? ray->direction : Eigen::Vector3d::Constant(std::numeric_limits<double>::quiet_NaN());
      }
      const Eigen::Vector3d moment = origin.cross(direction);
      for (int i = 0; i < 3; ++i) {
        values[i] = static_cast<Value>(direction[i]);
        values[3 + i] = static_cast<Value>(moment[i]);
      }
    }
  }
}

/// `plucker` into memory that the caller owns, V F H W 6 values.
/// @throws ValueError if the scale is not finite.
template <typename Value>
void plucker_into(const Rig& rig, Value* values, const PluckerOptions& options = {}) {
  check(std::isfinite(options.moment_scale), "codec::plucker", "moment_scale", "a finite number", options.moment_scale);
  const std::size_t picture = static_cast<std::size_t>(rig.height()) * static_cast<std::size_t>(rig.width()) * 6;
  for (const Camera& camera : rig) {
    write_plucker(camera, values, options);
    values += picture;
  }
}

/// Plücker coordinates of the ray of every pixel centre: unit direction d, then moment o x d, in world axes [1, m].
/// Models see the rays of `rig.relative_to_first()`.
/// @return (V, F, H, W, 6), F = `rig.frames()`: 1 unless the rig moves.
template <typename Value = float>
xt::xtensor<Value, 5> plucker(const Rig& rig, const PluckerOptions& options = {}) {
  const auto height = static_cast<std::size_t>(rig.height());
  const auto width = static_cast<std::size_t>(rig.width());
  auto rays = xt::xtensor<Value, 5>::from_shape({rig.size(), rig.frames(), height, width, 6});
  plucker_into(rig, rays.data(), options);
  return rays;
}

}  // namespace action_images
