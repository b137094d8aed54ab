// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include <Eigen/Core>
#include <Eigen/Geometry>

#include <action_images/codec/action.hpp>
#include <action_images/codec/camera.hpp>
#include <action_images/codec/normal_equations.hpp>
#include <action_images/codec/pose.hpp>
#include <action_images/codec/triangulate.hpp>

namespace action_images {

/// One of the three points of a pose, seen by a camera.
struct PointSighting {
  const Camera* camera;
  PointIndex point;
  Eigen::Vector2d pixel;  ///< [px]
};

/// The three points where the rays of all views pass nearest to each other; nullopt unless each is seen by two views.
inline std::optional<ActionPoints> intersect_points(const std::vector<PointSighting>& sightings) {
  ActionPoints points;
  for (const PointIndex index : {position_point, normal_point, up_point}) {
    std::vector<Sighting> rays;
    for (const PointSighting& sighting : sightings) {
      if (sighting.point == index) rays.push_back({sighting.camera, sighting.pixel});
    }
    const auto point = intersect_rays(rays);
    if (!point) return std::nullopt;
    points.col(index) = *point;
  }
  return points;
}

namespace detail {

struct RigidPose {
  Eigen::Matrix3d rotation;
  Eigen::Vector3d position;

  ActionPoints points(double axis_length) const {
    ActionPoints points;
    points << position, position - axis_length * rotation.col(2), position + axis_length * rotation.col(0);
    return points;
  }
};

/// One Gauss-Newton step of the pose on the reprojection; nullopt if a point is not in front of its camera.
inline std::optional<RigidPose> improved_pose(const RigidPose& pose, const std::vector<PointSighting>& sightings,
                                              double axis_length) {
  const ActionPoints points = pose.points(axis_length);
  Eigen::Matrix<double, 6, 6> normal = 1e-12 * Eigen::Matrix<double, 6, 6>::Identity();
  Eigen::Matrix<double, 6, 1> right = Eigen::Matrix<double, 6, 1>::Zero();
  for (const PointSighting& sighting : sightings) {
    const auto projection = sighting.camera->project_with_derivative(points.col(sighting.point));
    if (!projection) return std::nullopt;
    const Eigen::Vector3d arm = points.col(sighting.point) - pose.position;
    Eigen::Matrix<double, 3, 6> motion = Eigen::Matrix<double, 3, 6>::Zero();  // of the point, by shift and turn
    motion.leftCols<3>().setIdentity();
    motion.rightCols<3>() << 0.0, arm.z(), -arm.y(), -arm.z(), 0.0, arm.x(), arm.y(), -arm.x(), 0.0;
    const Eigen::Matrix<double, 2, 6> derivative = projection->derivative * motion;
    normal += derivative.transpose() * derivative;
    right += derivative.transpose() * (sighting.pixel - projection->pixel);
  }
  const Eigen::Matrix<double, 6, 1> step = normal_solution(normal, right);
  const Eigen::Vector3d turn = step.tail<3>();
  const double angle = turn.norm();
  if (!step.allFinite()) return std::nullopt;
  const Eigen::Matrix3d rotation =
      angle > 1e-15 ? Eigen::AngleAxisd(angle, turn / angle).toRotationMatrix() : Eigen::Matrix3d::Identity();
  return RigidPose{rotation * pose.rotation, pose.position + step.head<3>()};
}

}  // namespace detail

/// The three points of the pose, at `axis_length` [m] and a right angle, whose projections are nearest to the pixels.
/// @return nullopt if fewer than two views see a point, or no pose in front of the cameras is near.
inline std::optional<ActionPoints> fit_rigid_points(const std::vector<PointSighting>& sightings, double axis_length) {
  const auto start = intersect_points(sightings);
  const auto rotation = start ? rotation_from_points(*start, axis_length) : std::nullopt;
  if (!rotation) return std::nullopt;
  std::optional<detail::RigidPose> pose = detail::RigidPose{rotation->rotation, start->col(position_point)};
  for (int i = 0; i < 5 && pose; ++i) pose = detail::improved_pose(*pose, sightings, axis_length);
  if (!pose) return std::nullopt;
  return pose->points(axis_length);
}

}  // namespace action_images
