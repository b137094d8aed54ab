// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>

#include <Eigen/Core>
#include <Eigen/Eigenvalues>

namespace action_images {

/// Chance that a point lies within `tolerance` [m] of its estimate along the worst direction of its covariance [m^2].
inline double chance_within(const Eigen::Matrix3d& covariance, double tolerance) {
  const Eigen::SelfAdjointEigenSolver<Eigen::Matrix3d> solver(covariance, Eigen::EigenvaluesOnly);
  const double variance = solver.eigenvalues()[2];
  return variance > 0.0 ? std::erf(tolerance / std::sqrt(2.0 * variance)) : variance == 0.0 ? 1.0 : 0.0;
}

/// A logistic function of the log odds of a quality, as benchmarks/codec_confidence.py fits it to faulty pictures.
inline constexpr double confidence_offset = 0.760;
inline constexpr double confidence_slope = 1.192;

/// The quality of a frame, 0..1, as the chance that its position is within 5 % of the axis length: 0 stays
/// 0, 1 stays 1.
inline double calibrated_confidence(double quality) {
  if (!(quality > 0.0)) return 0.0;
  const double odds = std::exp(confidence_offset) * std::pow(quality / std::max(1.0 - quality, 1e-12), confidence_slope);
  return std::min(1.0, odds / (1.0 + odds));
}

}  // namespace action_images
