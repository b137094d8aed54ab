// SPDX-License-Identifier: Apache-2.0
#include <action_images/codec/action_format.hpp>

#include <limits>
#include <numbers>
#include <string>

#include <doctest/doctest.h>

#include "scenes.hpp"

using namespace action_images;

namespace {

constexpr std::array<ActionFormat, 4> formats{ActionFormat::euler, ActionFormat::quaternion, ActionFormat::rotation_6d,
                                              ActionFormat::matrix};

/// A motion whose rotations hold gimbal lock, half turns and angles of many turns.
Trajectory difficult_motion() {
  Trajectory actions = test::random_motion(400, 11);
  for (std::size_t t = 0; t < actions.size(); t += 4) {
    const double quarter = 0.5 * std::numbers::pi;
    actions[t].euler.y() = quarter - (t % 8 == 0 ? 0.0 : 1e-7);
    actions[t + 1].euler.y() = -quarter + 1e-9;
    actions[t + 2].euler = {t % 8 == 0 ? 2.0 * quarter : 0.0, 0.0, t % 16 == 0 ? 0.0 : 2.0 * quarter};
    actions[t + 3].euler += Eigen::Vector3d(25.0, -31.0, 44.0);
  }
  return actions;
}

ActionRows one_row(std::initializer_list<double> numbers) {
  ActionRows row(1, static_cast<Eigen::Index>(numbers.size()));
  std::copy(numbers.begin(), numbers.end(), row.data());
  return row;
}

}  // namespace

TEST_CASE("actions from rows of actions are the same poses, in every format") {
  const Trajectory actions = difficult_motion();
  for (const ActionFormat format : formats) {
    for (const GripperValue gripper : {GripperValue::openness, GripperValue::closed}) {
      const ActionRows rows = rows_from_trajectory(actions, format, gripper);
      REQUIRE(rows.cols() == static_cast<Eigen::Index>(width_of(format)));
      CHECK(columns_of(format, gripper).size() == width_of(format));
      const Trajectory again = trajectory_from_rows(rows, format, gripper);
      double turn = 0.0, openness = 0.0;
      bool same_position = true;
      for (std::size_t t = 0; t < actions.size(); ++t) {
        same_position = same_position && again[t].position == actions[t].position;
        turn = std::max(turn, (rotation_from_euler(again[t].euler) - rotation_from_euler(actions[t].euler)).norm());
        openness = std::max(openness, std::abs(again[t].openness - actions[t].openness));
      }
      CHECK(same_position);
      CHECK(turn < 5e-9);
      CHECK(openness < 1e-15);
    }
  }
}

TEST_CASE("rows say the rotation as their columns are named") {
  Trajectory actions(1);
  actions[0] = {{1, 2, 3}, {0.4, -0.3, 1.2}, 0.75};
  const Eigen::Matrix3d rotation = rotation_from_euler(actions[0].euler);
  const Eigen::Quaterniond quaternion(rotation);
  for (const ActionFormat format : formats) {
    const ActionRows rows = rows_from_trajectory(actions, format);
    const auto columns = columns_of(format);
    for (std::size_t i = 3; i + 1 < columns.size(); ++i) {
      const std::string name(columns[i]);
      const double value = rows(0, static_cast<Eigen::Index>(i));
      if (name[0] == 'r') CHECK(value == doctest::Approx(rotation(name[1] - '1', name[2] - '1')));
      if (name[0] == 'q') CHECK(value == doctest::Approx(quaternion.coeffs()[name[1] == 'w' ? 3 : name[1] - 'x']));
      if (name[0] == 'e') CHECK(value == actions[0].euler[name[1] - 'x']);
    }
    CHECK(rows(0, 2) == 3.0);
    CHECK(rows(0, rows.cols() - 1) == 0.75);
  }
}

TEST_CASE("a quaternion and its negative are one rotation, written with w >= 0") {
  const Trajectory actions = difficult_motion();
  ActionRows rows = rows_from_trajectory(actions, ActionFormat::quaternion);
  CHECK(rows.col(6).minCoeff() >= 0.0);
  const ActionMatrix expected = matrix_from_trajectory(trajectory_from_rows(rows, ActionFormat::quaternion));
  rows.middleCols<4>(3) *= -1.0;
  const Trajectory negated = trajectory_from_rows(rows, ActionFormat::quaternion);
  CHECK((matrix_from_trajectory(negated) - expected).cwiseAbs().maxCoeff() < 1e-12);
  CHECK(quaternion_from_rotation(Eigen::Vector3d(-1, -1, 1).asDiagonal()) == Quaternion(0, 0, 1, 0));
}

TEST_CASE("rotations of float32 files are made exactly one") {
  const Trajectory actions = test::random_motion(50, 5);
  for (const ActionFormat format : formats) {
    const ActionRows rows = rows_from_trajectory(actions, format).cast<float>().cast<double>();
    const Trajectory again = trajectory_from_rows(rows, format);
    for (std::size_t t = 0; t < actions.size(); ++t) {
      CHECK((rotation_from_euler(again[t].euler) - rotation_from_euler(actions[t].euler)).norm() < 2e-6);
    }
  }
}

TEST_CASE("two columns of any length and angle become a rotation that keeps the first and their plane") {
  const Trajectory action =
      trajectory_from_rows(one_row({0, 0, 0, 3, 0, 0, 100, 0, 2e-3, 1}), ActionFormat::rotation_6d);
  const Eigen::Matrix3d rotation = rotation_from_euler(action[0].euler);
  CHECK((rotation.col(0) - Eigen::Vector3d::UnitX()).norm() < 1e-12);
  CHECK((rotation.col(1) - Eigen::Vector3d::UnitZ()).norm() < 1e-12);
}

TEST_CASE("a closed gripper's value is clipped and turned round") {
  for (const auto& [value, openness] : {std::pair{0.0, 1.0}, {0.25, 0.75}, {1.0, 0.0}, {1.2, 0.0}, {-0.1, 1.0}}) {
    const auto row = one_row({0, 0, 0, 0, 0, 0, value});
    CHECK(trajectory_from_rows(row, ActionFormat::euler, GripperValue::closed)[0].openness == openness);
  }
}

TEST_CASE("what is wrong with a row is named") {
  const auto read = [](ActionFormat format, std::initializer_list<double> numbers) {
    return trajectory_from_rows(one_row(numbers), format);
  };
  CHECK_THROWS_WITH_AS(read(ActionFormat::quaternion, {0, 0, 0, 0, 0, 0, 1}),
                       "[codec::trajectory_from_rows] rows: expected (T, 8) of the format quaternion, got (1, 7)",
                       ShapeError);
  CHECK_THROWS_WITH_AS(
      read(ActionFormat::quaternion, {0, 0, 0, 0, 0, 0, 0.9, 1}),
      "[codec::trajectory_from_rows] rows[0]: expected a quaternion of norm 1 within 1e-3, got   0   0   0 0.9",
      ValueError);
  CHECK_THROWS_WITH_AS(read(ActionFormat::rotation_6d, {0, 0, 0, 1, 2, 3, 2, 4, 6, 1}),
                       doctest::Contains("rows[0]: expected two columns of a rotation, neither 0 nor parallel"),
                       ValueError);
  CHECK_THROWS_AS(read(ActionFormat::rotation_6d, {0, 0, 0, 0, 0, 0, 2, 4, 6, 1}), ValueError);
  CHECK_THROWS_WITH_AS(read(ActionFormat::matrix, {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, -1, 1}),
                       doctest::Contains("a rotation orthonormal within 1e-4, with determinant +1"), ValueError);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH_AS(read(ActionFormat::euler, {0, nan, 0, 0, 0, 0, 1}),
                       "[codec::trajectory_from_rows] rows[0]: expected finite numbers, got NaN or infinity",
                       ValueError);
}

TEST_CASE("formats have names") {
  for (const ActionFormat format : formats) CHECK(action_format_from_name(name_of(format)) == format);
  CHECK(gripper_value_from_name("closed") == GripperValue::closed);
  CHECK_THROWS_WITH_AS(
      action_format_from_name("axis_angle"),
      "[codec::action_format_from_name] format: expected \"euler\", \"quaternion\", \"rotation_6d\" or "
      "\"matrix\", got \"axis_angle\"",
      ValueError);
  CHECK_THROWS_AS(gripper_value_from_name("open"), ValueError);
}
