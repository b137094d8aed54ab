// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <Eigen/Core>
#include <Eigen/LU>

#include <action_images/codec/array.hpp>
#include <action_images/codec/rig.hpp>
#include <action_images/codec/streaming.hpp>
#include <action_images/core/parallel.hpp>

namespace action_images {

struct PluckerOptions {
  double moment_scale = 1.0;  ///< factor of the moments; the released model takes 1/3
  std::size_t threads = 0;    ///< 0: one for every core, 1: the caller alone; the values are the same for any number
};

namespace detail {

using Vector6 = Eigen::Matrix<double, 6, 1>;
using Matrix6x3 = Eigen::Matrix<double, 6, 3>;

/// (direction, moment), not normalised, of homogeneous pixels of a pinhole; of a lens with distortion those of points
/// of the plane z = 1.
inline Matrix6x3 ray_matrix(const Camera& camera, double moment_scale) {
  const Eigen::Matrix3d rotation = camera.world_from_camera().linear();
  Matrix6x3 rays;
  rays.topRows<3>() = rotation;
  for (int i = 0; i < 3; ++i) rays.col(i).tail<3>() = moment_scale * camera.center().cross(rotation.col(i));
  if (camera.distortion().is_none()) rays *= Eigen::Matrix3d(camera.intrinsics().inverse());
  return rays;
}

/// The points of the plane z = 1 that a lens shows in a row of pixels. The row that was asked for last is kept: the
/// cameras of a view mostly have one lens.
class PlaneRow {
 public:
  /// W points; NaN where the lens shows nothing.
  const std::vector<Eigen::Vector2d>& points(const Camera& camera, std::size_t row) {
    if (points_.empty() || row != row_ || !same_lens(camera)) {
      lens_ = camera.distortion();
      intrinsics_ = camera.intrinsics();
      row_ = row;
      undistort(static_cast<std::size_t>(camera.width()));
    }
    return points_;
  }

 private:
  bool same_lens(const Camera& camera) const {
    return camera.intrinsics() == intrinsics_ && camera.distortion().model() == lens_.model() &&
           camera.distortion().coefficients() == lens_.coefficients();
  }

  void undistort(std::size_t width) {
    const Eigen::Vector2d nothing = Eigen::Vector2d::Constant(std::numeric_limits<double>::quiet_NaN());
    const Eigen::Matrix3d plane_from_pixel = intrinsics_.inverse();
    points_.resize(width);
    for (std::size_t x = 0; x < width; ++x) {
      const Eigen::Vector3d pixel(static_cast<double>(x) + 0.5, static_cast<double>(row_) + 0.5, 1.0);
      points_[x] = lens_.remove((plane_from_pixel * pixel).head<2>()).value_or(nothing);
    }
  }

  Distortion lens_;
  Eigen::Matrix3d intrinsics_ = Eigen::Matrix3d::Identity();
  std::size_t row_ = 0;
  std::vector<Eigen::Vector2d> points_;
};

/// Computes the Plücker rays of rows of pixels, in memory that stays in the nearest cache: one for every thread.
template <typename Value>
class RayRow {
 public:
  explicit RayRow(std::size_t width) : width_(width), rays_(6 * (width + block_pixels)) {}

  /// @param matrix  `ray_matrix` of the camera.   @return (W, 6) values, valid until the next call.
  const Value* trace(const Camera& camera, const Matrix6x3& matrix, std::size_t row) {
    if (camera.distortion().is_none()) {
      trace_line(matrix * Eigen::Vector3d(0.5, static_cast<double>(row) + 0.5, 1.0), matrix.col(0));
    } else {
      trace_points(matrix, plane_.points(camera, row));
    }
    return rays_.data();
  }

 private:
  static constexpr int block_pixels = 16;  ///< so short that, within it, single precision is exact enough
  using Block = Eigen::Array<Value, block_pixels, 1>;
  using Four = Eigen::Array<Value, 4, 1>;
  using Eight = Eigen::Array<Value, 8, 1>;

  /// Six values as the first four and the last four: vectors that processors have.
  static Eight in_fours(const Vector6& ray) {
    Eight fours;
    fours << ray.head<4>().template cast<Value>(), ray.tail<4>().template cast<Value>();
    return fours;
  }

  /// Rays that change by `step` from pixel to pixel before they are normalised.
  void trace_line(const Vector6& first, const Vector6& step) {
    Eigen::Array<Value, 8, block_pixels> steps;
    for (int i = 0; i < block_pixels; ++i) steps.col(i) = in_fours(i * step);
    const Eigen::Array<Value, block_pixels, 3> direction_steps = steps.template topRows<3>().transpose();
    Value* ray = rays_.data();
    for (std::size_t x = 0; x < width_; x += block_pixels) {
      const Eight start = in_fours(first + static_cast<double>(x) * step);
      const Block scales = ((start[0] + direction_steps.col(0)).square() +
                            (start[1] + direction_steps.col(1)).square() + (start[2] + direction_steps.col(2)).square())
                               .rsqrt();
      for (int i = 0; i < block_pixels; ++i, ray += 6) {
        const Eight fours = (start + steps.col(i)) * scales[i];
        Eigen::Map<Four>{ray} = fours.template head<4>();
        Eigen::Map<Four>{ray + 2} = fours.template tail<4>();
      }
    }
  }

  void trace_points(const Matrix6x3& matrix, const std::vector<Eigen::Vector2d>& points) {
    for (std::size_t x = 0; x < width_; ++x) {
      const Vector6 ray = matrix * points[x].homogeneous();
      const Vector6 normalized = ray / ray.head<3>().norm();
      Eigen::Map<Eigen::Matrix<Value, 6, 1>>{rays_.data() + 6 * x} = normalized.template cast<Value>();
    }
  }

  std::size_t width_;
  std::vector<Value> rays_;  ///< (W, 6), padded by a block
  PlaneRow plane_;
};

}  // namespace detail

/// `plucker` into memory that the caller owns, V F H W 6 values.
/// @throws ValueError if the scale is not finite.
template <typename Value>
void plucker_into(const Rig& rig, Value* values, const PluckerOptions& options = {}) {
  check(std::isfinite(options.moment_scale), "codec::plucker", "moment_scale", "a finite number", options.moment_scale);
  const auto height = static_cast<std::size_t>(rig.height());
  const auto width = static_cast<std::size_t>(rig.width());
  const std::size_t row_size = 6 * width;
  const std::size_t bytes = rig.size() * rig.frames() * height * row_size * sizeof(Value);
  const bool streaming = bytes >= detail::streaming_size;
  std::vector<detail::Matrix6x3> matrices;
  for (const Camera& camera : rig) matrices.push_back(detail::ray_matrix(camera, options.moment_scale));
  const std::size_t threads = threads_for(height, options.threads, bytes);
  std::vector<detail::RayRow<Value>> rows(threads, detail::RayRow<Value>(width));
  parallel_for(height, threads, [&](std::size_t row, std::size_t thread) {
    Value* rays = values + row * row_size;
    auto matrix = matrices.begin();
    for (const Camera& camera : rig) {
      detail::copy(rays, rows[thread].trace(camera, *matrix++, row), row_size * sizeof(Value), streaming);
      rays += height * row_size;
    }
    detail::finish_streaming();
  });
}

/// Plücker coordinates of the ray of every pixel centre: unit direction d, then moment o x d, in world axes [1, m].
/// Models see the rays of `rig.relative_to_first()`.
/// @return (V, F, H, W, 6), F = `rig.frames()`: 1 unless the rig moves.
template <typename Value = float>
LargeArray<Value, 5> plucker(const Rig& rig, const PluckerOptions& options = {}) {
  const auto height = static_cast<std::size_t>(rig.height());
  const auto width = static_cast<std::size_t>(rig.width());
  auto rays = LargeArray<Value, 5>::from_shape({rig.size(), rig.frames(), height, width, 6});
  plucker_into(rig, rays.data(), options);
  return rays;
}

}  // namespace action_images
