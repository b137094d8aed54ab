// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <Eigen/Core>

#include <action_images/codec/action.hpp>
#include <action_images/codec/rotation.hpp>
#include <action_images/core/check.hpp>

namespace action_images {

/// How a row of numbers says a pose; every row is x y z [m], the rotation, the gripper.
///   euler        ex ey ez about the fixed axes x, y, z [rad]: R = Rz(ez) Ry(ey) Rx(ex)                    7 numbers
///   quaternion   qx qy qz qw, the scalar last, as RLBench                                                 8
///   rotation_6d  the first two columns of R: r11 r21 r31 r12 r22 r32 (Zhou et al. 2019)                  10
///   matrix       R by rows: r11 r12 r13 r21 ... r33                                                      13
enum class ActionFormat { euler, quaternion, rotation_6d, matrix };

/// What the last number of a row is.
///   openness  1 open .. 0 closed
///   closed    0 open .. 1 closed, as DROID's gripper_position: openness = 1 - clip(value, 0, 1)
enum class GripperValue { openness, closed };

/// T rows of a format, row-major.
using ActionRows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

namespace detail {

struct ActionFormatTraits {
  std::string_view name;
  std::array<std::string_view, 9> columns;  ///< of the rotation
  std::size_t count;                        ///< of those columns
  std::string_view expected;                ///< of the rotation
};

inline constexpr std::array<ActionFormatTraits, 4> action_format_traits{{
    {"euler", {"ex", "ey", "ez"}, 3, "three angles"},
    {"quaternion", {"qx", "qy", "qz", "qw"}, 4, "a quaternion of norm 1 within 1e-3"},
    {"rotation_6d",
     {"r11", "r21", "r31", "r12", "r22", "r32"},
     6,
     "two columns of a rotation, neither 0 nor parallel to each other"},
    {"matrix",
     {"r11", "r12", "r13", "r21", "r22", "r23", "r31", "r32", "r33"},
     9,
     "a rotation orthonormal within 1e-4, with determinant +1"},
}};

inline const ActionFormatTraits& traits_of(ActionFormat format) {
  return action_format_traits[static_cast<std::size_t>(format)];
}

}  // namespace detail

inline std::string_view name_of(ActionFormat format) { return detail::traits_of(format).name; }

/// @throws ValueError for another name than those of ActionFormat.
inline ActionFormat action_format_from_name(std::string_view name) {
  for (std::size_t i = 0; i < detail::action_format_traits.size(); ++i) {
    if (name == detail::action_format_traits[i].name) return static_cast<ActionFormat>(i);
  }
  throw ValueError(expected_text("codec::action_format_from_name", "format",
                                 "\"euler\", \"quaternion\", \"rotation_6d\" or \"matrix\"",
                                 text_of('"', name.substr(0, 40), '"')));
}

/// @throws ValueError unless the name is "openness" or "closed".
inline GripperValue gripper_value_from_name(std::string_view name) {
  check(name == "openness" || name == "closed", "codec::gripper_value_from_name", "gripper",
        "\"openness\" or \"closed\"", text_of('"', name.substr(0, 40), '"'));
  return name == "openness" ? GripperValue::openness : GripperValue::closed;
}

/// Numbers of a row.
inline std::size_t width_of(ActionFormat format) { return detail::traits_of(format).count + 4; }

/// Names of the numbers of a row, for headers: x y z, the rotation's, then "openness" or "closed".
inline std::vector<std::string_view> columns_of(ActionFormat format, GripperValue gripper = GripperValue::openness) {
  const detail::ActionFormatTraits& traits = detail::traits_of(format);
  std::vector<std::string_view> columns{"x", "y", "z"};
  columns.insert(columns.end(), traits.columns.begin(),
                 traits.columns.begin() + static_cast<std::ptrdiff_t>(traits.count));
  columns.push_back(gripper == GripperValue::openness ? "openness" : "closed");
  return columns;
}

namespace detail {

/// Fixed-axes angles of the numbers of a rotation; nullopt if they are not what the format's traits expect.
inline std::optional<Eigen::Vector3d> euler_from_numbers(std::span<const double> numbers, ActionFormat format) {
  using Eigen::Map;
  if (format == ActionFormat::euler) return Eigen::Vector3d(Map<const Eigen::Vector3d>(numbers.data()));
  const std::optional<Eigen::Matrix3d> rotation =
      format == ActionFormat::quaternion ? rotation_from_quaternion(Map<const Quaternion>(numbers.data()))
      : format == ActionFormat::rotation_6d
          ? rotation_from_6d(Map<const Rotation6d>(numbers.data()))
          : rotation_from_matrix(Map<const Eigen::Matrix3d>(numbers.data()).transpose());
  if (!rotation) return std::nullopt;
  return euler_from_rotation(*rotation);
}

inline void write_rotation(const Eigen::Vector3d& euler, ActionFormat format, std::span<double> numbers) {
  using Eigen::Map;
  if (format == ActionFormat::euler) {
    Map<Eigen::Vector3d>(numbers.data()) = euler;
    return;
  }
  const Eigen::Matrix3d rotation = rotation_from_euler(euler);
  if (format == ActionFormat::quaternion) Map<Quaternion>(numbers.data()) = quaternion_from_rotation(rotation);
  if (format == ActionFormat::rotation_6d) Map<Eigen::Matrix<double, 3, 2>>(numbers.data()) = rotation.leftCols<2>();
  if (format == ActionFormat::matrix) Map<Eigen::Matrix3d>(numbers.data()) = rotation.transpose();
}

/// Action of a row of finite numbers, `width_of(format)` of them; nullopt if the rotation is not as expected.
inline std::optional<Action> action_from_row(std::span<const double> row, ActionFormat format, GripperValue gripper) {
  const auto euler = euler_from_numbers(row.subspan(3, row.size() - 4), format);
  if (!euler) return std::nullopt;
  const double value = row.back();
  return Action{Eigen::Vector3d(row[0], row[1], row[2]), *euler,
                gripper == GripperValue::openness ? value : 1.0 - std::clamp(value, 0.0, 1.0)};
}

}  // namespace detail

/// Actions of T rows of a format. Rotations that are nearly one are made exactly one; angles come out as
/// `euler_from_rotation` gives them (those of the format euler stay as they are).
/// @throws ShapeError for another number of columns; ValueError naming the first row that holds NaN or infinity, or
/// whose rotation is not: a quaternion of norm 1 within 1e-3; two columns that span a plane; a matrix orthonormal
/// within 1e-4.
inline Trajectory trajectory_from_rows(const Eigen::Ref<const ActionRows>& rows, ActionFormat format,
                                       GripperValue gripper = GripperValue::openness) {
  constexpr std::string_view where = "codec::trajectory_from_rows";
  const std::size_t width = width_of(format);
  check_shape(static_cast<std::size_t>(rows.cols()) == width, where, "rows",
              text_of("(T, ", width, ") of the format ", name_of(format)), {rows.rows(), rows.cols()});
  Trajectory trajectory;
  trajectory.reserve(static_cast<std::size_t>(rows.rows()));
  for (Eigen::Index t = 0; t < rows.rows(); ++t) {
    if (!rows.row(t).allFinite()) {
      throw ValueError(expected_text(where, text_of("rows[", t, ']'), "finite numbers", "NaN or infinity"));
    }
    const auto action = detail::action_from_row({rows.row(t).data(), width}, format, gripper);
    if (!action) {
      throw ValueError(expected_text(where, text_of("rows[", t, ']'), detail::traits_of(format).expected,
                                     text_of(rows.row(t).segment(3, static_cast<Eigen::Index>(width) - 4))));
    }
    trajectory.push_back(*action);
  }
  return trajectory;
}

/// Rows of a format, T x `width_of(format)`; quaternions with w >= 0.
inline ActionRows rows_from_trajectory(const Trajectory& trajectory, ActionFormat format,
                                       GripperValue gripper = GripperValue::openness) {
  const std::size_t width = width_of(format);
  ActionRows rows(static_cast<Eigen::Index>(trajectory.size()), static_cast<Eigen::Index>(width));
  for (std::size_t t = 0; t < trajectory.size(); ++t) {
    const Action& action = trajectory[t];
    const std::span<double> row(rows.row(static_cast<Eigen::Index>(t)).data(), width);
    std::copy_n(action.position.data(), 3, row.data());
    detail::write_rotation(action.euler, format, row.subspan(3, width - 4));
    row.back() = gripper == GripperValue::openness ? action.openness : 1.0 - std::clamp(action.openness, 0.0, 1.0);
  }
  return rows;
}

}  // namespace action_images
