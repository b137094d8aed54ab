// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Geometry>

#include <action_images/world/action_head.hpp>

namespace action_images {

inline constexpr std::int64_t camera_size = 16;   ///< numbers of a camera in ActionHeadInputs
inline constexpr std::int64_t decoded_size = 11;  ///< numbers of a decoded action in ActionHeadInputs

/// Pose in world of the frame that an action head computes in: the first view's first camera, in OpenCV's axes.
Eigen::Affine3d action_head_frame(const Rig& rig);

/// @throws ValueError, naming the field, if the sizes do not make a network.
void check_action_head_config(const ActionHeadConfig& config);

}  // namespace action_images
