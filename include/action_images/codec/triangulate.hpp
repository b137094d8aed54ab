// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <Eigen/Eigenvalues>

#include <action_images/codec/camera.hpp>

namespace action_images {

/// A point seen in one view.
struct Sighting {
  const Camera* camera;
  Eigen::Vector2d pixel;  ///< [px]
  double weight = 1.0;    ///< > 0
};

struct TriangulatedPoint {
  Eigen::Vector3d point;  ///< in world [m]
  double residual = 0.0;  ///< weighted root mean square distance of the reprojections from the pixels [px]
  double trust = 1.0;     ///< share of the weights that was kept; less than 1 if a view contradicts the others
};

/// Point nearest to all rays: weighted least squares on the distances from the rays. Hartley & Zisserman 12.2.
/// @return nullopt for fewer than two views or (nearly) parallel rays.
inline std::optional<Eigen::Vector3d> intersect_rays(const std::vector<Sighting>& sightings) {
  double weights = 0.0;
  Eigen::Matrix3d normal = Eigen::Matrix3d::Zero();
  Eigen::Vector3d right = Eigen::Vector3d::Zero();
  for (const Sighting& sighting : sightings) {
    const auto ray = sighting.camera->ray(sighting.pixel);
    if (!ray) return std::nullopt;
    const Eigen::Matrix3d across = Eigen::Matrix3d::Identity() - ray->direction * ray->direction.transpose();
    normal += sighting.weight * across;
    right += sighting.weight * across * ray->origin;
    weights += sighting.weight;
  }
  const Eigen::SelfAdjointEigenSolver<Eigen::Matrix3d> solver(normal);
  if (sightings.size() < 2 || !(solver.eigenvalues()[0] > 1e-6 * weights)) return std::nullopt;
  return solver.eigenvectors() * solver.eigenvalues().cwiseInverse().asDiagonal() *
         (solver.eigenvectors().transpose() * right);
}

namespace detail {

/// How badly a point explains the sightings; a view that contradicts it costs little more than its weight.
inline double robust_cost(const std::vector<Sighting>& sightings, const Eigen::Vector3d& point, double tolerance) {
  double cost = 0.0;
  for (const Sighting& sighting : sightings) {
    const auto pixel = sighting.camera->project(point);
    const double square = pixel ? (*pixel - sighting.pixel).squaredNorm() / (tolerance * tolerance) : 1e9;
    cost += sighting.weight * std::log1p(square);
  }
  return cost;
}

/// Where to start: the intersection of all rays or, with three views and more, that of the pair which explains most.
inline std::optional<Eigen::Vector3d> start_point(const std::vector<Sighting>& sightings, double tolerance) {
  auto best = intersect_rays(sightings);
  if (!best || sightings.size() < 3) return best;
  double least = robust_cost(sightings, *best, tolerance);
  for (std::size_t i = 0; i < sightings.size(); ++i) {
    for (std::size_t j = i + 1; j < sightings.size(); ++j) {
      const auto point = intersect_rays({sightings[i], sightings[j]});
      const double cost = point ? robust_cost(sightings, *point, tolerance) : least;
      if (cost >= least) continue;
      least = cost;
      best = point;
    }
  }
  return best;
}

/// Normal equations of a Gauss-Newton step on the reprojection, and what the views say there.
struct ReprojectionSums {
  Eigen::Matrix3d normal = Eigen::Matrix3d::Zero();
  Eigen::Vector3d right = Eigen::Vector3d::Zero();
  double squares = 0.0;  ///< of the distances, weighted
  double weights = 0.0;  ///< after views that contradict have lost theirs
  double all_weights = 0.0;
};

/// nullopt if the point is not in front of every camera.
inline std::optional<ReprojectionSums> reproject(const std::vector<Sighting>& sightings, const Eigen::Vector3d& point,
                                                 double tolerance) {
  ReprojectionSums sums;
  for (const Sighting& sighting : sightings) {
    const auto projection = sighting.camera->project_with_derivative(point);
    if (!projection) return std::nullopt;
    const Eigen::Vector2d error = sighting.pixel - projection->pixel;
    double weight = sighting.weight;
    if (sightings.size() > 2) weight /= 1.0 + error.squaredNorm() / (tolerance * tolerance);
    sums.normal += weight * projection->derivative.transpose() * projection->derivative;
    sums.right += weight * projection->derivative.transpose() * error;
    sums.squares += weight * error.squaredNorm();
    sums.weights += weight;
    sums.all_weights += sighting.weight;
  }
  return sums;
}

}  // namespace detail

/// Point whose projections are nearest to the pixels: intersection of the rays, then Gauss-Newton steps on the
/// reprojection. With three views and more, a view that disagrees by more than `tolerance` [px] loses weight.
/// @return nullopt for fewer than two views, nearly parallel rays, or a point that is not in front of all cameras.
/// @see paper Eq. 8-9
inline std::optional<TriangulatedPoint> triangulate(const std::vector<Sighting>& sightings, double tolerance) {
  const auto start = detail::start_point(sightings, tolerance);
  if (!start) return std::nullopt;
  TriangulatedPoint result{*start};
  auto sums = detail::reproject(sightings, result.point, tolerance);
  const int steps = sightings.size() > 2 ? 5 : 2;
  for (int step = 0; step < steps && sums; ++step) {
    result.point += sums->normal.ldlt().solve(sums->right);
    sums = detail::reproject(sightings, result.point, tolerance);
  }
  if (!sums || !result.point.allFinite()) return std::nullopt;
  result.residual = std::sqrt(sums->squares / sums->weights);
  result.trust = sums->weights / sums->all_weights;
  return result;
}

}  // namespace action_images
