// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <cstddef>
#include <optional>
#include <random>
#include <vector>

#include <Eigen/Core>

#include <action_images/codec/camera.hpp>
#include <action_images/calibration/similarity_fit.hpp>

namespace action_images {

/// A point in world and the pixel where a camera sees it.
struct PointToPixel {
  Eigen::Vector3d point;  ///< [m]
  Eigen::Vector2d pixel;  ///< [px]
};

namespace detail {

/// The real roots of c[0] + c[1] x + ... + c[4] x^4, by the iteration of Durand and Kerner; none if c[4] vanishes.
inline std::vector<double> real_roots(const std::array<double, 5>& c) {
  constexpr int most_iterations = 100;
  double largest = 0.0;
  for (const double coefficient : c) largest = std::max(largest, std::abs(coefficient));
  if (!(std::abs(c[4]) > 1e-12 * largest)) return {};
  using Complex = std::complex<double>;
  std::array<Complex, 4> roots{Complex(1.0), Complex(0.4, 0.9), Complex(-0.65, 0.72), Complex(-0.908, -0.297)};
  for (int i = 0; i < most_iterations; ++i) {
    double moved = 0.0;
    for (std::size_t k = 0; k < 4; ++k) {
      Complex step = (((c[4] * roots[k] + c[3]) * roots[k] + c[2]) * roots[k] + c[1]) * roots[k] + c[0];
      step /= c[4];
      for (std::size_t other = 0; other < 4; ++other) {
        if (other != k) step /= roots[k] - roots[other];
      }
      roots[k] -= step;
      moved = std::max(moved, std::abs(step) / (1.0 + std::abs(roots[k])));
    }
    if (!(moved > 1e-14)) break;
  }
  std::vector<double> real;
  for (const Complex& root : roots) {
    if (std::abs(root.imag()) < 1e-3 * (1.0 + std::abs(root))) real.push_back(root.real());
  }
  return real;
}

/// Distances of three points from the camera, up to four solutions: Grunert's quartic in s3 / s1 (Haralick et al.
/// 1994).
/// @param rays  unit directions in the camera, as columns.   @param points  the points, as columns.
inline std::vector<Eigen::Vector3d> distances_of_three(const Eigen::Matrix3d& rays, const Eigen::Matrix3d& points) {
  const double a2 = (points.col(1) - points.col(2)).squaredNorm();
  const double b2 = (points.col(0) - points.col(2)).squaredNorm();
  const double c2 = (points.col(0) - points.col(1)).squaredNorm();
  const double alpha = rays.col(1).dot(rays.col(2)), beta = rays.col(0).dot(rays.col(2));
  const double gamma = rays.col(0).dot(rays.col(1));
  const double p = (a2 - c2) / b2, q = (a2 + c2) / b2;
  const std::array<double, 5> quartic{
      (1 + p) * (1 + p) - 4 * a2 / b2 * gamma * gamma,
      4 * (-p * (1 + p) * beta + 2 * a2 / b2 * gamma * gamma * beta - (1 - q) * alpha * gamma),
      2 * (p * p - 1 + 2 * p * p * beta * beta + 2 * (b2 - c2) / b2 * alpha * alpha - 4 * q * alpha * beta * gamma +
           2 * (b2 - a2) / b2 * gamma * gamma),
      4 * (p * (1 - p) * beta - (1 - q) * alpha * gamma + 2 * c2 / b2 * alpha * alpha * beta),
      (p - 1) * (p - 1) - 4 * c2 / b2 * alpha * alpha};
  std::vector<Eigen::Vector3d> solutions;
  for (const double v : real_roots(quartic)) {
    const double below = 2 * (gamma - v * alpha);
    const double first_squared = b2 / (1 + v * v - 2 * v * beta);
    if (!(std::abs(below) > 1e-9) || !(first_squared > 0.0)) continue;
    const double u = ((p - 1) * v * v - 2 * p * beta * v + 1 + p) / below;
    const double first = std::sqrt(first_squared);
    if (u > 0.0 && v > 0.0) solutions.emplace_back(first, u * first, v * first);
  }
  return solutions;
}

/// Poses world_from_camera from which three points are seen along three rays.
inline std::vector<Similarity> poses_of_three(const Eigen::Matrix3d& rays, const Eigen::Matrix3d& points) {
  std::vector<Similarity> poses;
  for (const Eigen::Vector3d& distances : distances_of_three(rays, points)) {
    PointPairs pairs;
    for (Eigen::Index i = 0; i < 3; ++i) {
      pairs.from.push_back(distances[i] * rays.col(i));
      pairs.to.push_back(points.col(i));
      pairs.weights.push_back(1.0);
    }
    if (const auto pose = similarity_of(pairs, false)) poses.push_back(*pose);
  }
  return poses;
}

/// Median distance in the picture of projected from seen points, over at most 120 of them [px].
inline double median_distance(const Camera& camera, const std::vector<PointToPixel>& pairs) {
  constexpr std::size_t most = 120;
  const std::size_t step = 1 + pairs.size() / most;
  std::vector<double> distances;
  for (std::size_t i = 0; i < pairs.size(); i += step) {
    const auto pixel = camera.project(pairs[i].point);
    distances.push_back(pixel ? (*pixel - pairs[i].pixel).norm() : 1e9);
  }
  return median_of(distances);
}

}  // namespace detail

/// The pose of a camera, of known intrinsics and lens, from which points are seen at pixels, whatever its own pose is:
/// of the poses of triples drawn with a fixed seed the one with the least median error. Half of the pixels but one may
/// be wrong. Coarse: a start for `refine_cameras`.
/// @return nullopt for fewer than four pairs, or if no triple has a pose.
inline std::optional<Camera> locate_camera(const Camera& camera, const std::vector<PointToPixel>& pairs) {
  constexpr int draws = 300;
  if (pairs.size() < 4) return std::nullopt;
  const Camera at_origin = camera.moved_to(Eigen::Matrix4d::Identity());
  std::mt19937 random(1);
  std::optional<Camera> best;
  double least = 1e9;
  for (int i = 0; i < draws; ++i) {
    Eigen::Matrix3d rays, points;
    bool seen = true;
    for (Eigen::Index j = 0; j < 3; ++j) {
      const PointToPixel& pair = pairs[random() % pairs.size()];
      const auto ray = at_origin.ray(pair.pixel);
      seen = seen && ray;
      if (ray) rays.col(j) = ray->direction;
      points.col(j) = pair.point;
    }
    if (!seen) continue;
    for (const Similarity& pose : detail::poses_of_three(rays, points)) {
      const Camera candidate = camera.moved_to(pose.matrix());
      const double median = detail::median_distance(candidate, pairs);
      if (!(median < least)) continue;
      least = median;
      best = candidate;
    }
  }
  return best;
}

}  // namespace action_images
