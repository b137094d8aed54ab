// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>

#include <Eigen/Core>
#include <Eigen/Eigenvalues>

namespace action_images::detail {

/// Inverse of the normal matrix of least squares, whatever the units of the unknowns.
/// @param free  number of directions that are known to be undetermined (a gauge) and are left out.
/// @return nullopt if another direction is undetermined.
inline std::optional<Eigen::MatrixXd> covariance_of(const Eigen::MatrixXd& normal, Eigen::Index free = 0) {
  constexpr double singular = 1e-11;
  const Eigen::Index size = normal.rows();
  Eigen::VectorXd unit(size);
  for (Eigen::Index i = 0; i < size; ++i) unit[i] = 1.0 / std::sqrt(std::max(normal(i, i), 1e-300));
  Eigen::MatrixXd scaled = normal;
  for (Eigen::Index i = 0; i < size; ++i) {
    for (Eigen::Index j = 0; j < size; ++j) scaled(i, j) *= unit[i] * unit[j];
  }
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(scaled);
  const Eigen::Index first = std::min(free, size - 1);
  if (!(solver.eigenvalues()[first] > singular)) return std::nullopt;
  Eigen::MatrixXd covariance = Eigen::MatrixXd::Zero(size, size);
  for (Eigen::Index k = first; k < size; ++k) {
    for (Eigen::Index i = 0; i < size; ++i) {
      for (Eigen::Index j = 0; j < size; ++j) {
        covariance(i, j) +=
            unit[i] * solver.eigenvectors()(i, k) * solver.eigenvectors()(j, k) * unit[j] / solver.eigenvalues()[k];
      }
    }
  }
  return covariance;
}

}  // namespace action_images::detail
