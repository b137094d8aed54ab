// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <action_images/codec/axes.hpp>
#include <action_images/codec/camera.hpp>
#include <action_images/codec/rig.hpp>

namespace action_images {

/// Ways in which a camera is commonly given wrong: what is taken for this library's convention is in another one.
enum class Mixup {
  none,
  opengl_axes,          ///< the pose has OpenGL's or Blender's axes (x right, y up, z backward)
  ros_axes,             ///< the pose has ROS's axes (x forward, y left, z up)
  inverted_extrinsics,  ///< the pose is camera_from_world
  mirrored_focal,       ///< both focal lengths have the wrong sign, or the pose has PyTorch3D's axes
  flipped_x,            ///< the pictures are mirrored left to right
  flipped_y,            ///< the pictures are upside down, mirrored top to bottom
  transposed,           ///< x and y of the pictures are exchanged
  millimetres,          ///< the position is in millimetres
  resolution,           ///< the intrinsics are those of pictures of another size
};

inline constexpr std::array<Mixup, 9> all_mixups{Mixup::opengl_axes,    Mixup::ros_axes,    Mixup::inverted_extrinsics,
                                                 Mixup::mirrored_focal, Mixup::flipped_x,   Mixup::flipped_y,
                                                 Mixup::transposed,     Mixup::millimetres, Mixup::resolution};

inline std::string_view name_of(Mixup mixup) {
  constexpr std::array<std::string_view, 10> names{"as_given",       "opengl_axes", "ros_axes",  "inverted_extrinsics",
                                                   "mirrored_focal", "flipped_x",   "flipped_y", "transposed",
                                                   "millimetres",    "resolution"};
  return names[static_cast<std::size_t>(mixup)];
}

/// What is wrong, and what to do: the rest of a sentence about views.
inline std::string_view advice_for(Mixup mixup) {
  constexpr std::array<std::string_view, 10> advice{
      "as given",
      "the pose has the axes of OpenGL or Blender (y up, z backward), not OpenCV's: give axes=\"opengl\"",
      "the pose has the axes of ROS (x forward, z up), not OpenCV's: give axes=\"ros\"",
      "the extrinsics are inverted: they are camera_from_world and taken for world_from_camera",
      "both focal lengths have the wrong sign (CoppeliaSim), or the pose has the axes of PyTorch3D",
      "the pictures are mirrored left to right, or fx has the wrong sign",
      "the pictures are mirrored top to bottom, or fy has the wrong sign",
      "x and y of the pictures are exchanged",
      "the positions are in millimetres, not in metres",
      "the intrinsics are those of pictures of another size"};
  return advice[static_cast<std::size_t>(mixup)];
}

namespace detail {

/// The size whose middle the principal point is: of the usual ones of cameras and simple multiples of the given one,
/// within 8 %. nullopt if the given size fits within 10 %, or none does.
inline std::optional<std::pair<int, int>> fitting_size(const Camera& camera) {
  const double width = 2.0 * camera.intrinsics()(0, 2), height = 2.0 * camera.intrinsics()(1, 2);
  const auto misfit = [&](double w, double h) {
    return std::max(std::abs(width / w - 1.0), std::abs(height / h - 1.0));
  };
  if (misfit(camera.width(), camera.height()) < 0.2) return std::nullopt;
  std::vector<std::pair<int, int>> sizes{{320, 180}, {320, 240}, {424, 240},  {640, 360},  {640, 480},  {800, 600},
                                         {848, 480}, {960, 540}, {1024, 768}, {1280, 720}, {1280, 960}, {1920, 1080}};
  for (const double factor : {0.125, 0.25, 1.0 / 3.0, 0.5, 2.0 / 3.0, 1.5, 2.0, 3.0, 4.0, 8.0}) {
    sizes.emplace_back(std::lround(factor * camera.width()), std::lround(factor * camera.height()));
  }
  std::optional<std::pair<int, int>> best;
  double least = 0.08;
  for (const auto& size : sizes) {
    if (size.first < 1 || size.second < 1 || misfit(size.first, size.second) >= least) continue;
    least = misfit(size.first, size.second);
    best = size;
  }
  return best;
}

/// The camera with picture coordinates changed by a 3x3 matrix.
inline Camera with_pixels(const Camera& camera, const Eigen::Matrix3d& to_from_pixels) {
  return {to_from_pixels * camera.intrinsics(), camera.world_from_camera().matrix(), camera.width(), camera.height(),
          camera.distortion()};
}

inline Camera with_pose(const Camera& camera, const Eigen::Affine3d& pose) { return camera.moved_to(pose.matrix()); }

inline Camera with_focal_signs(const Camera& camera) {
  Eigen::Matrix3d intrinsics = camera.intrinsics();
  intrinsics.leftCols<2>() *= -1.0;
  return {intrinsics, camera.world_from_camera().matrix(), camera.width(), camera.height(), camera.distortion()};
}

inline Camera in_metres(const Camera& camera) {
  Eigen::Affine3d pose = camera.world_from_camera();
  pose.translation() *= 1e-3;
  return with_pose(camera, pose);
}

inline std::optional<Camera> at_fitting_size(const Camera& camera) {
  const auto size = fitting_size(camera);
  if (!size || std::max(size->first, size->second) > Camera::max_size) return std::nullopt;
  return Camera(camera.intrinsics(), camera.world_from_camera().matrix(), size->first, size->second,
                camera.distortion())
      .center_crop_resize(camera.height(), camera.width());
}

}  // namespace detail

/// The camera as it must have been meant if it was given with this mix-up; nullopt if the mix-up is not possible.
inline std::optional<Camera> corrected(const Camera& camera, Mixup mixup) {
  Eigen::Matrix3d pixels = Eigen::Matrix3d::Identity();
  const Eigen::Matrix4d& pose = camera.world_from_camera().matrix();
  switch (mixup) {
    case Mixup::none:
      return camera;
    case Mixup::opengl_axes:
      return camera.moved_to(pose_from_axes(pose, CameraAxes::opengl));
    case Mixup::ros_axes:
      return camera.moved_to(pose_from_axes(pose, CameraAxes::ros));
    case Mixup::inverted_extrinsics:
      return detail::with_pose(camera, camera.camera_from_world());
    case Mixup::mirrored_focal:
      return detail::with_focal_signs(camera);
    case Mixup::flipped_x:
      pixels.row(0) << -1, 0, camera.width();
      return detail::with_pixels(camera, pixels);
    case Mixup::flipped_y:
      pixels.row(1) << 0, -1, camera.height();
      return detail::with_pixels(camera, pixels);
    case Mixup::transposed:
      if (camera.width() != camera.height()) return std::nullopt;
      pixels << 0, 1, 0, 1, 0, 0, 0, 0, 1;
      return detail::with_pixels(camera, pixels);
    case Mixup::millimetres:
      return detail::in_metres(camera);
    case Mixup::resolution:
      return detail::at_fitting_size(camera);
  }
  return std::nullopt;
}

}  // namespace action_images
