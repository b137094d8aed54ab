// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include <Eigen/Geometry>

#include <action_images/codec/action.hpp>
#include <action_images/codec/camera.hpp>

namespace action_images {

/// Poses of one view of an episode of DROID from its two sources.
struct DroidView {
  Camera camera;                 ///< with the pose that is used: in the robot's frame if it is known, else the file's
  Eigen::Affine3d pose_in_file;  ///< camera-to-world of camera.json, whose world and scale are its own
};

/// How well the two sources of cameras agree: the gripper's positions are carried from the first camera to each other
/// one by camera.json's relative pose (its scale taken from the distance of the cameras) and compared in the picture
/// with where the robot's calibration sees them. The median distance of the worst view, as a share of the picture's
/// width; nullopt for one view, or if no position is seen by two of them.
std::optional<double> calibration_residual(const std::vector<DroidView>& views, const Trajectory& actions);

/// The largest distance of the gripper from one frame to the next [m].
double largest_jump(const Trajectory& actions);

}  // namespace action_images
