// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include <Eigen/Core>
#include <Eigen/Geometry>
#include <Eigen/SVD>

#include <action_images/codec/action.hpp>
#include <action_images/codec/camera.hpp>

namespace action_images {

/// A rotation and how well the three points fit a rigid gripper frame.
struct FittedRotation {
  Eigen::Matrix3d rotation;
  double rigidity = 0.0;  ///< 1: lengths and right angle as drawn .. 0
};

/// Distance of three points from those of a rigid gripper frame: squared logarithms (base 2) of the two lengths over
/// `axis_length`, and the squared cosine of the angle between them, which should be 0.
inline double rigidity_misfit(const ActionPoints& points, double axis_length) {
  const Eigen::Vector3d x = points.col(up_point) - points.col(position_point);
  const Eigen::Vector3d z = points.col(position_point) - points.col(normal_point);
  const auto square = [](double value) { return value * value; };
  return square(std::log2(x.norm() / axis_length)) + square(std::log2(z.norm() / axis_length)) +
         square(x.dot(z) / (x.norm() * z.norm()));
}

/// Rotation whose x and -z axes are nearest to the directions of the up and normal points (Wahba's problem).
/// @param variances  of the positions of the points, by PointIndex, across the axes [m^2]; a direction counts by the
///                   inverse of its own variance. Equal ones by default.
/// @return nullopt if a length is not within a factor of 4 of `axis_length` [m] or the two are nearly parallel.
inline std::optional<FittedRotation> rotation_from_points(const ActionPoints& points, double axis_length,
                                                          const Eigen::Vector3d& variances = Eigen::Vector3d::Ones()) {
  const Eigen::Vector3d x = points.col(up_point) - points.col(position_point);
  const Eigen::Vector3d z = points.col(position_point) - points.col(normal_point);
  for (const double length : {x.norm(), z.norm()}) {
    if (!(length > 0.25 * axis_length && length < 4.0 * axis_length)) return std::nullopt;
  }
  if (std::abs(x.normalized().dot(z.normalized())) > 0.95) return std::nullopt;
  const double x_variance = (variances[up_point] + variances[position_point]) / x.squaredNorm();
  const double z_variance = (variances[normal_point] + variances[position_point]) / z.squaredNorm();
  const double x_weight = z_variance / (x_variance + z_variance);  // in proportion to 1 / x_variance
  Eigen::Matrix3d correlation = Eigen::Matrix3d::Zero();
  correlation.col(0) = x_weight * x.normalized();
  correlation.col(2) = (1.0 - x_weight) * z.normalized();
  const Eigen::JacobiSVD<Eigen::Matrix3d> svd(correlation, Eigen::ComputeFullU | Eigen::ComputeFullV);
  const double sign = (svd.matrixU() * svd.matrixV().transpose()).determinant() < 0.0 ? -1.0 : 1.0;
  const Eigen::Vector3d diagonal(1.0, 1.0, sign);
  return FittedRotation{svd.matrixU() * diagonal.asDiagonal() * svd.matrixV().transpose(),
                        std::exp(-4.0 * rigidity_misfit(points, axis_length))};
}

namespace detail {

/// The (at most two) points of a ray at a distance from a point; the nearest point of the ray if it does not come
/// close.
inline std::array<Eigen::Vector3d, 2> at_distance(const Ray& ray, const Eigen::Vector3d& point, double distance) {
  const double along = ray.direction.dot(point - ray.origin);
  const double across = (ray.origin + along * ray.direction - point).norm();
  const double half = across < distance ? std::sqrt(distance * distance - across * across) : 0.0;
  return {ray.origin + (along - half) * ray.direction, ray.origin + (along + half) * ray.direction};
}

}  // namespace detail

/// The three points from one view: the position at a known depth, the others at `axis_length` from it on their rays,
/// chosen nearest to a right angle. Seen from far away the pose and its mirror image along the axis look alike; then
/// the choice between them is not reliable.
/// @param pixels  by PointIndex [px].   @param depth  of the position along the camera's axis [m].
/// @return nullopt if the lens shows nothing at one of the pixels.
inline std::optional<ActionPoints> points_from_one_view(const std::array<Eigen::Vector2d, 3>& pixels,
                                                        const Camera& camera, double depth, double axis_length) {
  const auto position = camera.point_at_depth(pixels[position_point], depth);
  const auto normal_ray = camera.ray(pixels[normal_point]);
  const auto up_ray = camera.ray(pixels[up_point]);
  if (!position || !normal_ray || !up_ray) return std::nullopt;
  ActionPoints best;
  best.col(position_point) = *position;
  double smallest = std::numeric_limits<double>::infinity();
  for (const Eigen::Vector3d& normal : detail::at_distance(*normal_ray, *position, axis_length)) {
    for (const Eigen::Vector3d& up : detail::at_distance(*up_ray, *position, axis_length)) {
      const double dot = std::abs((normal - *position).dot(up - *position));
      if (dot >= smallest) continue;
      smallest = dot;
      best.col(normal_point) = normal;
      best.col(up_point) = up;
    }
  }
  return best;
}

}  // namespace action_images
