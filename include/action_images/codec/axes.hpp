// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include <Eigen/Core>

#include <action_images/core/check.hpp>

namespace action_images {

/// Which way the axes of a camera point. Poses of this library have OpenCV's axes.
///   opencv       x right, y down, z forward (COLMAP, VGGT, DROID)
///   opengl       x right, y up, z backward (Blender, MuJoCo, NeRF)
///   blender      the same as opengl
///   pytorch3d    x left, y up, z forward (CoppeliaSim with positive focal lengths)
///   ros          x forward, y left, z up (REP 103's body axes)
enum class CameraAxes { opencv, opengl, blender, pytorch3d, ros };

/// @throws ValueError for another name than those of CameraAxes.
inline CameraAxes camera_axes_from_name(std::string_view name) {
  constexpr std::array<std::string_view, 5> names{"opencv", "opengl", "blender", "pytorch3d", "ros"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (name == names[i]) return static_cast<CameraAxes>(i);
  }
  throw ValueError(expected_text("codec::camera_axes_from_name", "axes",
                                 "\"opencv\", \"opengl\", \"blender\", \"pytorch3d\" or \"ros\"",
                                 text_of('"', name.substr(0, 40), '"')));
}

/// Rotation axes_from_opencv: the directions of OpenCV's x, y and z, in the named axes, are its columns.
inline Eigen::Matrix3d axes_from_opencv(CameraAxes axes) {
  Eigen::Matrix3d rotation = Eigen::Matrix3d::Identity();
  if (axes == CameraAxes::opengl || axes == CameraAxes::blender) rotation.diagonal() << 1, -1, -1;
  if (axes == CameraAxes::pytorch3d) rotation.diagonal() << -1, -1, 1;
  if (axes == CameraAxes::ros) rotation << 0, 0, 1, -1, 0, 0, 0, -1, 0;
  return rotation;
}

/// Pose in OpenCV's axes of a camera whose 4x4 `world_from_camera` is given in others; a pose that is in OpenCV's axes
/// already keeps every bit.
inline Eigen::Matrix4d pose_from_axes(const Eigen::Matrix4d& world_from_camera, CameraAxes axes) {
  if (axes == CameraAxes::opencv) return world_from_camera;
  Eigen::Matrix4d pose = world_from_camera;
  pose.topLeftCorner<3, 3>() = world_from_camera.topLeftCorner<3, 3>() * axes_from_opencv(axes);
  return pose;
}

/// The inverse of `pose_from_axes`.
inline Eigen::Matrix4d pose_to_axes(const Eigen::Matrix4d& world_from_camera, CameraAxes axes) {
  if (axes == CameraAxes::opencv) return world_from_camera;
  Eigen::Matrix4d pose = world_from_camera;
  pose.topLeftCorner<3, 3>() = world_from_camera.topLeftCorner<3, 3>() * axes_from_opencv(axes).transpose();
  return pose;
}

}  // namespace action_images
