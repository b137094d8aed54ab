// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>

#include <Eigen/Core>
#include <Eigen/Eigenvalues>

#include <action_images/codec/camera.hpp>
#include <action_images/codec/normal_equations.hpp>

namespace action_images {

/// A point seen in one view.
struct Sighting {
  const Camera* camera;
  Eigen::Vector2d pixel;                                     ///< [px]
  Eigen::Matrix2d covariance = Eigen::Matrix2d::Identity();  ///< of the pixel, positive definite [px^2]
};

struct TriangulatedPoint {
  Eigen::Vector3d point;       ///< in world [m]
  Eigen::Matrix3d covariance;  ///< of the point, from the sightings' covariances [m^2]
  double chi_square = 0.0;     ///< squared reprojection errors over the sightings' covariances, robustly weighted
  double freedom = 0.0;  ///< degrees of freedom of chi_square: 2 a sighting, less 3, robustly weighted; 0 at least
};

/// Point nearest to all rays: weighted least squares on the distances from the rays. Hartley & Zisserman 12.2.
/// @return nullopt for fewer than two views, (nearly) parallel rays, or a pixel where the lens shows nothing.
inline std::optional<Eigen::Vector3d> intersect_rays(std::span<const Sighting> sightings) {
  double weights = 0.0;
  Eigen::Matrix3d normal = Eigen::Matrix3d::Zero();
  Eigen::Vector3d right = Eigen::Vector3d::Zero();
  for (const Sighting& sighting : sightings) {
    const auto ray = sighting.camera->ray(sighting.pixel);
    if (!ray) return std::nullopt;
    const double weight = 1.0 / sighting.covariance.trace();
    const Eigen::Matrix3d across = Eigen::Matrix3d::Identity() - ray->direction * ray->direction.transpose();
    normal += weight * across;
    right += weight * across * ray->origin;
    weights += weight;
  }
  const Eigen::SelfAdjointEigenSolver<Eigen::Matrix3d> solver(normal);
  if (sightings.size() < 2 || !(solver.eigenvalues()[0] > 1e-6 * weights)) return std::nullopt;
  return solver.eigenvectors() * solver.eigenvalues().cwiseInverse().asDiagonal() *
         (solver.eigenvectors().transpose() * right);
}

namespace detail {

/// Normal equations of a Gauss-Newton step on the reprojection, and what the views say there.
struct ReprojectionSums {
  Eigen::Matrix3d normal = Eigen::Matrix3d::Zero();
  Eigen::Vector3d right = Eigen::Vector3d::Zero();
  double chi_square = 0.0;
  double kept = 0.0;  ///< number of sightings, those that contradict counted less
};

/// With more than two sightings one that lies further off than `tolerance` [px] loses weight (Geman-McClure).
/// nullopt if a camera does not see the point.
inline std::optional<ReprojectionSums> reproject(std::span<const Sighting> sightings, const Eigen::Vector3d& point,
                                                 double tolerance) {
  ReprojectionSums sums;
  for (const Sighting& sighting : sightings) {
    const auto projection = sighting.camera->project_with_derivative(point);
    if (!projection) return std::nullopt;
    const Eigen::Vector2d error = sighting.pixel - projection->pixel;
    double trust = 1.0;
    if (sightings.size() > 2) trust = 1.0 / (1.0 + error.squaredNorm() / (tolerance * tolerance));
    const Eigen::Matrix2d weight = trust * trust * sighting.covariance.inverse();
    const Eigen::Matrix<double, 3, 2> weighted = projection->derivative.transpose() * weight;
    sums.normal += weighted * projection->derivative;
    sums.right += weighted * error;
    sums.chi_square += error.dot(weight * error);
    sums.kept += trust * trust;
  }
  return sums;
}

}  // namespace detail

/// Point whose projections are nearest to the pixels in the metric of their covariances: intersection of the rays, then
/// Gauss-Newton steps on the reprojection. With three views and more, a view that disagrees by more than `tolerance`
/// [px] loses weight; which views to take at all is `correspondence.hpp`'s affair.
/// @param start  where to begin [m]; the intersection of the rays if not given.
/// @return nullopt for fewer than two views, nearly parallel rays, or a point that a camera does not see.
/// @see paper Eq. 8-9; Hartley & Zisserman 12.5
inline std::optional<TriangulatedPoint> triangulate(std::span<const Sighting> sightings, double tolerance,
                                                    std::optional<Eigen::Vector3d> start = std::nullopt) {
  if (!start) start = intersect_rays(sightings);
  if (!start || sightings.size() < 2) return std::nullopt;
  Eigen::Vector3d point = *start;
  auto sums = detail::reproject(sightings, point, tolerance);
  constexpr int most_steps = 10;
  for (int i = 0; i < most_steps && sums; ++i) {
    const Eigen::Vector3d step = detail::normal_solution(sums->normal, sums->right);
    point += step;
    if (!point.allFinite()) return std::nullopt;
    sums = detail::reproject(sightings, point, tolerance);
    if (step.squaredNorm() < 1e-18 * (1.0 + point.squaredNorm())) break;
  }
  if (!sums) return std::nullopt;
  return TriangulatedPoint{point, sums->normal.inverse(), sums->chi_square, std::max(0.0, 2.0 * sums->kept - 3.0)};
}

}  // namespace action_images
