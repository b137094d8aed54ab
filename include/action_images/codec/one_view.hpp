// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>

#include <Eigen/Core>

#include <action_images/codec/camera.hpp>
#include <action_images/codec/confidence.hpp>
#include <action_images/codec/decoded.hpp>
#include <action_images/codec/openness.hpp>
#include <action_images/codec/picture.hpp>
#include <action_images/codec/pose.hpp>

namespace action_images {

/// Depth along the camera's axis at which the ray of a pixel meets the plane (a, b, c, d), a x + b y + c z + d = 0.
/// nullopt if the ray is parallel to it or meets it behind the camera.
inline std::optional<double> depth_on_plane(const Camera& camera, const Eigen::Vector2d& pixel,
                                            const Eigen::Vector4d& plane) {
  const auto ray = camera.ray(pixel);
  if (!ray) return std::nullopt;
  const double slope = plane.head<3>().dot(ray->direction);
  if (std::abs(slope) < 1e-9 * plane.head<3>().norm()) return std::nullopt;
  const double distance = -(plane.head<3>().dot(ray->origin) + plane[3]) / slope;
  const Eigen::Vector3d point = ray->origin + distance * ray->direction;
  const double depth = (camera.camera_from_world() * point).z();
  return depth > 0.0 ? std::optional(depth) : std::nullopt;
}

/// Reads a frame of a single view: the position on the plane or at the depth that `options` gives, the other two points
/// at `axis_length` from it. Leaves the frame undecoded if a point is not seen.
inline void read_one_view(const PictureReading& view, const Camera& camera, const DecodeOptions& options,
                          std::size_t time, Decoded& decoded) {
  const OpennessReading openness = read_openness({view}, layout_of(options.convention, options.threshold));
  if (openness.confidence >= 1.0) decoded.actions[time].openness = openness.openness;
  std::array<Eigen::Vector2d, 3> pixels;
  double score = 1.0;
  for (std::size_t point = 0; point < 3; ++point) {
    if (view.peaks[point].empty()) return;
    const Peak& peak = view.peaks[point].front();
    pixels[point] = peak.index;
    score = std::min(score, peak.score);
    decoded.pixels(time, point, 0, 0) = peak.index.x();
    decoded.pixels(time, point, 0, 1) = peak.index.y();
    decoded.sigma(time, point, 0) = peak.sigma;
  }
  const auto depth = options.plane ? depth_on_plane(camera, pixels[position_point], *options.plane) : options.depth;
  if (!depth) return;
  const auto points = points_from_one_view(pixels, camera, *depth, options.axis_length);
  if (!points) return;
  const double metres_per_pixel = *depth / std::sqrt(std::abs(camera.intrinsics().topLeftCorner<2, 2>().determinant()));
  for (std::size_t point = 0; point < 3; ++point) {
    const auto column = static_cast<Eigen::Index>(point);
    const double variance = 0.5 * view.peaks[point].front().covariance.trace() * metres_per_pixel * metres_per_pixel;
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t j = 0; j < 3; ++j) decoded.covariance(time, point, i, j) = i == j ? 1e6 * variance : 0.0;
    }
    decoded.point_confidence(time, point) = view.peaks[point].front().score;
    decoded.used(time, point, 0) = true;
    const auto pixel = camera.project(points->col(column));
    if (pixel) decoded.reprojection_error(time, point, 0) = (*pixel - pixels[point]).norm();
  }
  decoded.points_at(time) = *points;
  const auto fitted = rotation_from_points(*points, options.axis_length);
  if (!fitted) return;
  const double confidence = calibrated_confidence(score * fitted->rigidity * openness.confidence);
  if (!(confidence >= options.min_confidence)) return;
  decoded.confidence[time] = confidence;
  decoded.actions[time] = {points->col(position_point), euler_from_rotation(fitted->rotation), openness.openness};
}

}  // namespace action_images
