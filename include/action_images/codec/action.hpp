// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string_view>
#include <vector>

#include <Eigen/Core>
#include <Eigen/Geometry>

#include <action_images/core/check.hpp>

namespace action_images {

/// Pose of a gripper and how far it is open: one row [x y z ex ey ez openness] of a trajectory.
struct Action {
  Eigen::Vector3d position = Eigen::Vector3d::Zero();  ///< in world [m]
  Eigen::Vector3d euler = Eigen::Vector3d::Zero();     ///< fixed axes x, y, z: R = Rz(ez) Ry(ey) Rx(ex) [rad]
  double openness = 1.0;                               ///< 0 closed .. 1 open

  bool is_finite() const { return position.allFinite() && euler.allFinite() && std::isfinite(openness); }
};

/// T actions at equal time steps.
using Trajectory = std::vector<Action>;

/// The columns [x y z ex ey ez openness] by name.
inline constexpr std::array<std::string_view, 7> action_columns{"x", "y", "z", "ex", "ey", "ez", "openness"};

/// T x 7 rows [x y z ex ey ez openness], row-major.
using ActionMatrix = Eigen::Matrix<double, Eigen::Dynamic, 7, Eigen::RowMajor>;

inline ActionMatrix matrix_from_trajectory(const Trajectory& trajectory) {
  ActionMatrix rows(static_cast<Eigen::Index>(trajectory.size()), 7);
  Eigen::Index t = 0;
  for (const Action& action : trajectory) {
    rows.row(t++) << action.position.transpose(), action.euler.transpose(), action.openness;
  }
  return rows;
}

inline Trajectory trajectory_from_matrix(const Eigen::Ref<const ActionMatrix>& rows) {
  Trajectory trajectory(static_cast<std::size_t>(rows.rows()));
  Eigen::Index t = 0;
  for (Action& action : trajectory) {
    action = {rows.row(t).head<3>().transpose(), rows.row(t).segment<3>(3).transpose(), rows(t, 6)};
    ++t;
  }
  return trajectory;
}

/// Rotation R = Rz(ez) Ry(ey) Rx(ex) of fixed-axes angles [rad].
inline Eigen::Matrix3d rotation_from_euler(const Eigen::Vector3d& euler) {
  using Eigen::AngleAxisd, Eigen::Vector3d;
  return (AngleAxisd(euler.z(), Vector3d::UnitZ()) * AngleAxisd(euler.y(), Vector3d::UnitY()) *
          AngleAxisd(euler.x(), Vector3d::UnitX()))
      .toRotationMatrix();
}

/// Fixed-axes angles of a rotation: ex, ez in [-pi, pi], ey in [-pi/2, pi/2]. At ey = +-pi/2 only the sum or difference
/// of ex and ez is determined; ez = 0 is chosen.
inline Eigen::Vector3d euler_from_rotation(const Eigen::Matrix3d& rotation) {
  const double cosine = std::hypot(rotation(2, 1), rotation(2, 2));
  const double ey = std::atan2(-rotation(2, 0), cosine);
  if (cosine < 1e-9) return {std::atan2(-rotation(1, 2), rotation(1, 1)), ey, 0.0};
  const double ex = std::atan2(rotation(2, 1), rotation(2, 2));
  // From R Rx(-ex) = Rz Ry, so that close to gimbal lock an error of ex is made good by ez.
  const double sine_x = std::sin(ex), cosine_x = std::cos(ex);
  return {ex, ey,
          std::atan2(sine_x * rotation(0, 2) - cosine_x * rotation(0, 1),
                     cosine_x * rotation(1, 1) - sine_x * rotation(1, 2))};
}

/// The three points that stand for a pose; their order everywhere in the library.
enum PointIndex : Eigen::Index { position_point = 0, normal_point = 1, up_point = 2 };

/// Columns: position p, normal p + l R (-e_z), up p + l R e_x, in world [m]. Paper Sec. 3.1.
using ActionPoints = Eigen::Matrix3d;

/// @param axis_length l, the distance of the normal and up points from the position [m].
inline ActionPoints points_of(const Action& action, double axis_length = 0.1) {
  const Eigen::Matrix3d rotation = rotation_from_euler(action.euler);
  ActionPoints points;
  points.col(position_point) = action.position;
  points.col(normal_point) = action.position - axis_length * rotation.col(2);
  points.col(up_point) = action.position + axis_length * rotation.col(0);
  return points;
}

/// Throws ValueError naming the first action that is not finite or whose openness is outside [0, 1].
inline void check_trajectory(const Trajectory& trajectory, std::string_view where) {
  for (std::size_t t = 0; t < trajectory.size(); ++t) {
    const Action& action = trajectory[t];
    check(action.is_finite(), where, text_of("actions[", t, "]"), "finite numbers", "NaN or infinity");
    check(action.openness >= 0.0 && action.openness <= 1.0, where, text_of("actions[", t, "].openness"),
          "a number in [0, 1]", action.openness);
  }
}

}  // namespace action_images
