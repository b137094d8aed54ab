// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <vector>

#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <Eigen/LU>

#include <action_images/codec/camera.hpp>
#include <action_images/codec/rig.hpp>

namespace action_images {

/// What one camera looks like, at the first frame of a rig that moves.
struct ViewReport {
  double fx, fy;                ///< focal lengths [px]
  double fov_x, fov_y;          ///< angles between the left and right, and the upper and lower, borders' middles [deg]
  Eigen::Vector3d position;     ///< in world [m]
  Eigen::Vector3d looks_along;  ///< unit direction of the picture's middle, in world
  double distance;              ///< of `looks_at` along that direction [m]; negative: behind; NaN if it is not known
  Eigen::Vector3d looks_at;     ///< point of this line of sight nearest to where all of them meet [m]
};

/// How well a point can be measured. Linear in the error of the pixels: these are for an error of 1 px.
struct Precision {
  double distance;             ///< of the point from the middle between the cameras [m]
  double depth;                ///< standard deviation along the line of sight from there [mm/px]
  double lateral;              ///< largest standard deviation across it [mm/px]
  Eigen::Matrix3d covariance;  ///< of the position in world [mm^2/px^2]; NaN if a camera does not see the point
};

struct PairReport {
  std::size_t first, second;         ///< views
  double baseline;                   ///< distance of the cameras [m]
  double convergence;                ///< angle between their lines of sight [deg]
  bool share_space;                  ///< whether some point is in both pictures
  std::vector<Precision> precision;  ///< at the distances asked for
};

namespace detail {

inline constexpr double degrees = 180.0 / 3.14159265358979323846;

inline double angle_between(const Eigen::Vector3d& a, const Eigen::Vector3d& b) {
  return degrees * std::atan2(a.cross(b).norm(), a.dot(b));
}

/// Ray through a pixel; the camera's axis if the lens shows nothing there.
inline Ray ray_or_axis(const Camera& camera, const Eigen::Vector2d& pixel) {
  return camera.ray(pixel).value_or(Ray{camera.center(), camera.world_from_camera().linear().col(2)});
}

inline Ray line_of_sight(const Camera& camera) {
  return ray_or_axis(camera, {0.5 * camera.width(), 0.5 * camera.height()});
}

inline bool is_in_picture(const Camera& camera, const Eigen::Vector3d& point) {
  const auto pixel = camera.project(point);
  return pixel && pixel->minCoeff() >= 0.0 && pixel->x() <= camera.width() && pixel->y() <= camera.height();
}

/// Point nearest to all lines of sight; nullopt for one view, or lines within about 2 degrees of parallel.
inline std::optional<Eigen::Vector3d> common_point(const std::vector<Camera>& cameras) {
  Eigen::Matrix3d normal = Eigen::Matrix3d::Zero();
  Eigen::Vector3d right = Eigen::Vector3d::Zero();
  for (const Camera& camera : cameras) {
    const Ray ray = line_of_sight(camera);
    const Eigen::Matrix3d across = Eigen::Matrix3d::Identity() - ray.direction * ray.direction.transpose();
    normal += across;
    right += across * ray.origin;
  }
  const Eigen::SelfAdjointEigenSolver<Eigen::Matrix3d> solver(normal);
  if (cameras.size() < 2 || solver.eigenvalues()[0] < 6e-4) return std::nullopt;
  return Eigen::Vector3d(normal.inverse() * right);
}

/// The largest angle between two lines of sight [deg].
inline double widest_angle(const std::vector<Camera>& cameras) {
  double largest = 0.0;
  for (const Camera& a : cameras) {
    for (const Camera& b : cameras) {
      largest = std::max(largest, angle_between(line_of_sight(a).direction, line_of_sight(b).direction));
    }
  }
  return largest;
}

inline std::vector<Camera> first_cameras(const Rig& rig) {
  std::vector<Camera> cameras;
  for (std::size_t view = 0; view < rig.size(); ++view) cameras.push_back(rig[view]);
  return cameras;
}

inline ViewReport report_view(const Camera& camera, const std::optional<Eigen::Vector3d>& common) {
  const double width = camera.width(), height = camera.height();
  const auto angle = [&](const Eigen::Vector2d& a, const Eigen::Vector2d& b) {
    return angle_between(ray_or_axis(camera, a).direction, ray_or_axis(camera, b).direction);
  };
  const Ray sight = line_of_sight(camera);
  const double distance =
      common ? sight.direction.dot(*common - sight.origin) : std::numeric_limits<double>::quiet_NaN();
  return {camera.intrinsics()(0, 0),
          camera.intrinsics()(1, 1),
          angle({0.0, 0.5 * height}, {width, 0.5 * height}),
          angle({0.5 * width, 0.0}, {0.5 * width, height}),
          camera.center(),
          sight.direction,
          distance,
          sight.origin + distance * sight.direction};
}

/// Whether a point on a grid of rays of one camera is in the other's picture; distances in terms of the baseline.
inline bool share_space(const Camera& camera, const Camera& other) {
  const double baseline = (camera.center() - other.center()).norm();
  const double scale = baseline > 1e-9 ? baseline : 1.0;
  for (int i = 0; i < 49; ++i) {
    const Eigen::Vector2d share((i % 7 + 0.5) / 7.0, (i / 7 + 0.5) / 7.0);
    const auto ray = camera.ray({share.x() * camera.width(), share.y() * camera.height()});
    for (double distance = 0.15 * scale; ray && distance < 100.0 * scale; distance *= 1.4) {
      if (is_in_picture(other, ray->origin + distance * ray->direction)) return true;
    }
  }
  return false;
}

/// From the middle between the cameras towards where they look: their common point if it is in front, else the mean
/// direction.
inline Ray middle_sight(const std::vector<Camera>& cameras) {
  Ray middle{Eigen::Vector3d::Zero(), Eigen::Vector3d::Zero()};
  for (const Camera& camera : cameras) {
    middle.origin += camera.center() / static_cast<double>(cameras.size());
    middle.direction += line_of_sight(camera).direction;
  }
  const auto common = common_point(cameras);
  if (common && (*common - middle.origin).dot(middle.direction) > 0.0) middle.direction = *common - middle.origin;
  middle.direction.normalize();
  return middle;
}

/// Covariance of a triangulated point, (sum J^T J)^-1 for pixels with an error of 1 px. Hartley & Zisserman 5.2.
inline Precision precision_at(const std::vector<Camera>& cameras, double distance) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const Ray middle = middle_sight(cameras);
  const Eigen::Vector3d point = middle.origin + distance * middle.direction;
  Eigen::Matrix3d information = Eigen::Matrix3d::Zero();
  bool seen = cameras.size() > 1;
  for (const Camera& camera : cameras) {
    const auto projection = camera.project_with_derivative(point);
    seen = seen && projection;
    if (projection) information += projection->derivative.transpose() * projection->derivative;
  }
  const Eigen::SelfAdjointEigenSolver<Eigen::Matrix3d> solver(information);
  seen = seen && solver.eigenvalues()[0] > 1e-9 * solver.eigenvalues()[2];
  if (!seen) return {distance, nan, nan, Eigen::Matrix3d::Constant(nan)};
  const Eigen::Matrix3d covariance = 1e6 * information.inverse();
  const Eigen::Matrix3d across = Eigen::Matrix3d::Identity() - middle.direction * middle.direction.transpose();
  const Eigen::SelfAdjointEigenSolver<Eigen::Matrix3d> lateral(across * covariance * across);
  return {distance, std::sqrt(middle.direction.dot(covariance * middle.direction)),
          std::sqrt(std::max(0.0, lateral.eigenvalues()[2])), covariance};
}

inline std::vector<Precision> precisions_at(const std::vector<Camera>& cameras, const std::vector<double>& distances) {
  std::vector<Precision> precisions;
  for (const double distance : distances) precisions.push_back(precision_at(cameras, distance));
  return precisions;
}

inline PairReport report_pair(const Rig& rig, std::size_t first, std::size_t second,
                              const std::vector<double>& distances) {
  const Camera &a = rig[first], &b = rig[second];
  return {first,
          second,
          (a.center() - b.center()).norm(),
          angle_between(line_of_sight(a).direction, line_of_sight(b).direction),
          share_space(a, b) || share_space(b, a),
          precisions_at({a, b}, distances)};
}

}  // namespace detail

/// Standard deviation of a fitted peak's place that white noise of the pixels allows at best (Cramer-Rao bound of a
/// Gaussian of height 1, whatever its width): noise * sqrt(2 / pi) [px].
/// @param noise  standard deviation of a response in [0, 1]; rounding to uint8 alone is 1 / (255 sqrt(12)).
inline double peak_error(double noise) { return noise * std::sqrt(2.0 / 3.14159265358979323846); }

}  // namespace action_images
