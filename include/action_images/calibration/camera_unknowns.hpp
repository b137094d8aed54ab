// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string_view>

#include <Eigen/Core>
#include <Eigen/Geometry>

#include <action_images/codec/camera.hpp>
#include <action_images/codec/rotation.hpp>
#include <action_images/core/check.hpp>

namespace action_images {

/// What becomes of the focal lengths: they stay; one factor for all views; one for each. fx and fy keep their ratio.
enum class FocalLengths { fixed, shared, per_view };

/// @throws ValueError unless the name is "fixed", "shared" or "per_view".
inline FocalLengths focal_lengths_from_name(std::string_view name) {
  check(name == "fixed" || name == "shared" || name == "per_view", "codec::focal_lengths_from_name", "focal",
        "\"fixed\", \"shared\" or \"per_view\"", text_of('"', printable(name), '"'));
  return name == "fixed" ? FocalLengths::fixed : name == "shared" ? FocalLengths::shared : FocalLengths::per_view;
}

namespace detail {

/// Which unknown of all cameras belongs to which view: 6 of the pose, then factors of focal lengths, principal points.
struct CameraUnknowns {
  std::size_t views;
  FocalLengths focal;
  bool principal_point;

  Eigen::Index count() const { return first_principal() + (principal_point ? 2 * size() : 0); }
  Eigen::Index of_view() const { return 6 + (focal == FocalLengths::fixed ? 0 : 1) + (principal_point ? 2 : 0); }
  /// Column of a view's i-th unknown: shift (3), turn (3), [logarithm of the focal factor], [principal point (2)].
  Eigen::Index column(std::size_t view, Eigen::Index i) const {
    const auto v = static_cast<Eigen::Index>(view);
    if (i < 6) return 6 * v + i;
    if (focal != FocalLengths::fixed && i == 6) return 6 * size() + (focal == FocalLengths::shared ? 0 : v);
    return first_principal() + 2 * v + (i - of_view() + 2);
  }

 private:
  Eigen::Index size() const { return static_cast<Eigen::Index>(views); }
  Eigen::Index first_principal() const {
    return 6 * size() + (focal == FocalLengths::fixed ? 0 : focal == FocalLengths::shared ? 1 : size());
  }
};

/// The camera after a step of its unknowns (6 to 9): shift and turn of its pose in world axes about its own centre.
inline Camera stepped_camera(const Camera& camera, const Eigen::VectorXd& step, const CameraUnknowns& unknowns) {
  Eigen::Matrix4d pose = camera.world_from_camera().matrix();
  const Eigen::Vector3d turn = step.segment<3>(3);
  if (turn.norm() > 0.0) {
    pose.topLeftCorner<3, 3>() = nearest_rotation(Eigen::AngleAxisd(turn.norm(), turn.normalized()).toRotationMatrix() *
                                                  pose.topLeftCorner<3, 3>());
  }
  pose.topRightCorner<3, 1>() += step.head<3>();
  Eigen::Matrix3d intrinsics = camera.intrinsics();
  if (unknowns.focal != FocalLengths::fixed) {
    intrinsics.topLeftCorner<2, 2>() *= std::exp(std::clamp(step[6], -0.5, 0.5));
  }
  if (unknowns.principal_point) intrinsics.topRightCorner<2, 1>() += step.tail<2>();
  return {intrinsics, pose, camera.width(), camera.height(), camera.distortion()};
}

/// Derivative of a projected pixel with respect to the unknowns of its camera, (2, 6 to 9).
inline Eigen::MatrixXd camera_derivative(const Camera& camera, const Projection& projection,
                                         const Eigen::Vector3d& point, const CameraUnknowns& unknowns) {
  Eigen::MatrixXd derivative(2, unknowns.of_view());
  const Eigen::Vector3d arm = point - camera.center();
  Eigen::Matrix3d turn;
  turn << 0.0, -arm.z(), arm.y(), arm.z(), 0.0, -arm.x(), -arm.y(), arm.x(), 0.0;
  derivative.leftCols<3>() = -projection.derivative;
  derivative.middleCols<3>(3) = projection.derivative * turn;
  if (unknowns.focal != FocalLengths::fixed) {
    derivative.col(6) = projection.pixel - camera.intrinsics().topRightCorner<2, 1>();
  }
  if (unknowns.principal_point) derivative.rightCols<2>().setIdentity();
  return derivative;
}

}  // namespace detail

}  // namespace action_images
