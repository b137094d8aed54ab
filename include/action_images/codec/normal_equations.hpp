// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>

namespace action_images::detail {

/// Solution of the normal equations of least squares, from their lower triangle, by Cholesky's decomposition without
/// square roots; 0 in a direction that nothing determines. Eigen's `ldlt()` says the same, but each size of it costs
/// every unit that includes this header a second or more of compilation.
/// @see Golub & Van Loan 4.1.2
template <int Size>
Eigen::Matrix<double, Size, 1> normal_solution(Eigen::Matrix<double, Size, Size> normal,
                                               Eigen::Matrix<double, Size, 1> right) {
  const Eigen::Index size = right.size();
  for (Eigen::Index j = 0; j < size; ++j) {
    const double pivot = normal(j, j);
    const double inverse = pivot != 0.0 ? 1.0 / pivot : 0.0;
    for (Eigen::Index i = j + 1; i < size; ++i) {
      const double factor = normal(i, j) * inverse;
      for (Eigen::Index k = j + 1; k < i; ++k) normal(i, k) -= factor * pivot * normal(k, j);
      normal(i, i) -= factor * factor * pivot;
      normal(i, j) = factor;
      right[i] -= factor * right[j];
    }
    right[j] *= inverse;
  }
  for (Eigen::Index i = size; i-- > 0;) {
    for (Eigen::Index k = i + 1; k < size; ++k) right[i] -= normal(k, i) * right[k];
  }
  return right;
}

}  // namespace action_images::detail
