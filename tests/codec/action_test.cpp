// SPDX-License-Identifier: Apache-2.0
#include <action_images/codec/action.hpp>

#include <numbers>
#include <random>

#include <doctest/doctest.h>

#include "scenes.hpp"

using namespace action_images;

TEST_CASE("a rotation is the product Rz Ry Rx of its fixed-axes angles") {
  using Eigen::AngleAxisd, Eigen::Vector3d;
  const Eigen::Matrix3d expected = AngleAxisd(0.3, Vector3d::UnitZ()).toRotationMatrix() *
                                   AngleAxisd(-0.2, Vector3d::UnitY()).toRotationMatrix() *
                                   AngleAxisd(1.1, Vector3d::UnitX()).toRotationMatrix();
  CHECK((rotation_from_euler({1.1, -0.2, 0.3}) - expected).norm() < 1e-15);
}

TEST_CASE("angles of a rotation give the rotation again, gimbal lock included") {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> angle(-4.0, 4.0);
  for (int i = 0; i < 1000; ++i) {
    Eigen::Vector3d euler(angle(random), angle(random), angle(random));
    if (i % 10 == 0) euler.y() = (i % 20 == 0 ? 0.5 : -0.5) * std::numbers::pi;
    const Eigen::Matrix3d rotation = rotation_from_euler(euler);
    CHECK((rotation_from_euler(euler_from_rotation(rotation)) - rotation).norm() < 1e-9);
  }
}

TEST_CASE("the normal point lies along -e_z and the up point along e_x") {
  const ActionPoints points = points_of({{1, 2, 3}, {0, 0, 0}, 1}, 0.1);
  CHECK((points.col(position_point) - Eigen::Vector3d(1, 2, 3)).norm() < 1e-15);
  CHECK((points.col(normal_point) - Eigen::Vector3d(1, 2, 2.9)).norm() < 1e-15);
  CHECK((points.col(up_point) - Eigen::Vector3d(1.1, 2, 3)).norm() < 1e-15);
}

TEST_CASE("a trajectory and its matrix are the same numbers") {
  const Trajectory actions = test::random_motion(5, 1);
  const ActionMatrix rows = matrix_from_trajectory(actions);
  CHECK(rows.rows() == 5);
  CHECK(rows(3, 0) == actions[3].position.x());
  CHECK(rows(3, 6) == actions[3].openness);
  CHECK(matrix_from_trajectory(trajectory_from_matrix(rows)) == rows);
}
