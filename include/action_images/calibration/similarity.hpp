// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include <Eigen/Core>

#include <action_images/codec/action.hpp>
#include <action_images/codec/rig.hpp>
#include <action_images/codec/rotation.hpp>
#include <action_images/core/check.hpp>

namespace action_images {

/// x_in_b = scale * rotation * x_in_a + translation: from one frame and unit of length to another, such as from
/// estimated cameras, whose scale and frame are arbitrary, to the robot's base in metres.
struct Similarity {
  double scale = 1.0;  ///< positive
  Eigen::Matrix3d rotation = Eigen::Matrix3d::Identity();
  Eigen::Vector3d translation = Eigen::Vector3d::Zero();

  Eigen::Vector3d operator*(const Eigen::Vector3d& point) const { return scale * (rotation * point) + translation; }

  /// First `other`, then this.
  Similarity operator*(const Similarity& other) const {
    return {scale * other.scale, detail::nearest_rotation(rotation * other.rotation), *this * other.translation};
  }

  Similarity inverse() const {
    const Eigen::Matrix3d back = rotation.transpose();
    return {1.0 / scale, back, -(back * translation) / scale};
  }

  /// 4x4 with scale * rotation in its corner.
  Eigen::Matrix4d matrix() const {
    Eigen::Matrix4d matrix = Eigen::Matrix4d::Identity();
    matrix.topLeftCorner<3, 3>() = scale * rotation;
    matrix.topRightCorner<3, 1>() = translation;
    return matrix;
  }
};

/// Throws ValueError unless the scale is positive, the rotation orthonormal within 1e-4 with determinant +1, and all
/// numbers are finite.
inline void check_similarity(const Similarity& similarity, std::string_view where) {
  check(std::isfinite(similarity.scale) && similarity.scale > 0.0, where, "scale", "a positive number",
        similarity.scale);
  check(rotation_from_matrix(similarity.rotation).has_value(), where, "rotation",
        "an orthonormal matrix with determinant +1", "another one");
  check(similarity.translation.allFinite(), where, "translation", "finite numbers", "NaN or infinity");
}

/// The camera in the other frame: what it sees there has the same pixels, for scaling about a camera's centre moves
/// points along its rays.
inline Camera align_camera(const Camera& camera, const Similarity& similarity) {
  Eigen::Matrix4d pose = Eigen::Matrix4d::Identity();
  pose.topLeftCorner<3, 3>() = detail::nearest_rotation(similarity.rotation * camera.world_from_camera().linear());
  pose.topRightCorner<3, 1>() = similarity * camera.center();
  return camera.moved_to(pose);
}

/// All cameras in the other frame; names and lenses stay.   @throws ValueError as `check_similarity`.
inline Rig align_rig(const Rig& rig, const Similarity& similarity) {
  check_similarity(similarity, "codec::align_rig");
  return rig.transformed([&](const Camera& camera) { return align_camera(camera, similarity); });
}

/// Actions in the other frame: the scale acts on positions, the rotation on positions and orientations; the openness
/// stays, and what is NaN stays NaN.   @throws ValueError as `check_similarity`.
inline Trajectory align_actions(const Trajectory& actions, const Similarity& similarity) {
  check_similarity(similarity, "codec::align_actions");
  Trajectory aligned = actions;
  for (Action& action : aligned) {
    action.position = similarity * action.position;
    action.euler = euler_from_rotation(similarity.rotation * rotation_from_euler(action.euler));
  }
  return aligned;
}

}  // namespace action_images
