// SPDX-License-Identifier: Apache-2.0
#include <action_images/codec/normal_equations.hpp>

#include <cmath>

#include <Eigen/LU>
#include <doctest/doctest.h>

using action_images::detail::normal_solution;

namespace {

/// Of normal equations of `rank` rows.
template <int Size>
void check_solution(Eigen::Index size, Eigen::Index rank) {
  Eigen::MatrixXd rows(rank, size);
  for (Eigen::Index i = 0; i < rank; ++i) {
    for (Eigen::Index j = 0; j < size; ++j) rows(i, j) = std::sin(1.0 + static_cast<double>(3 * i + 5 * j + i * j));
  }
  const Eigen::Matrix<double, Size, Size> normal = rows.transpose() * rows;
  const Eigen::Matrix<double, Size, 1> right = normal * Eigen::VectorXd::LinSpaced(size, -1.0, 2.0);
  const Eigen::Matrix<double, Size, 1> solution = normal_solution<Size>(normal, right);
  CAPTURE(size);
  CHECK((normal * solution - right).norm() < 1e-9 * right.norm());
  Eigen::Matrix<double, Size, Size> lower = normal;
  lower.template triangularView<Eigen::StrictlyUpper>().setConstant(7.0);
  CHECK(normal_solution<Size>(lower, right) == solution);
}

}  // namespace

TEST_CASE("the normal equations are solved, of any size, from their lower triangle") {
  check_solution<3>(3, 5);
  check_solution<4>(4, 9);
  check_solution<6>(6, 12);
  for (const Eigen::Index size : {1, 2, 7, 40}) check_solution<Eigen::Dynamic>(size, 2 * size);
}

TEST_CASE("a direction that nothing determines is 0") {
  const Eigen::Vector3d diagonal(2.0, 0.0, 4.0);
  const Eigen::Vector3d solution = normal_solution<3>(diagonal.asDiagonal(), Eigen::Vector3d(2.0, 0.0, 2.0));
  CHECK(solution == Eigen::Vector3d(1.0, 0.0, 0.5));
  CHECK(normal_solution<4>(Eigen::Matrix4d::Zero(), Eigen::Vector4d::Zero()) == Eigen::Vector4d::Zero());
}
