// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include <Eigen/Core>
#include <Eigen/Geometry>
#include <Eigen/LU>

#include <action_images/codec/axes.hpp>
#include <action_images/codec/distortion.hpp>
#include <action_images/core/center_crop.hpp>
#include <action_images/core/check.hpp>

namespace action_images {

/// Half line from an origin along a unit direction, both in world coordinates [m].
struct Ray {
  Eigen::Vector3d origin;
  Eigen::Vector3d direction;
};

/// Pixel of a point and the derivative of the pixel with respect to the point.
struct Projection {
  Eigen::Vector2d pixel;                   ///< [px]
  Eigen::Matrix<double, 2, 3> derivative;  ///< with respect to the point in world [px/m]
};

/// Calibrated camera and the size of its pictures: a pinhole, or a lens with distortion.
///
/// Frames: x_in_camera = camera_from_world * x_in_world, the camera looks along +z. Negative focal lengths are allowed:
/// a camera whose picture axes are mirrored is the same model with fx, fy < 0.
/// Pixels: x right, y down, the centre of the top-left pixel is (0.5, 0.5) [px].
class Camera {
 public:
  static constexpr int max_size = 16384;  ///< of width and height [px]

  /// @param intrinsics         3x3, invertible, last row (0, 0, 1) [px].
  /// @param world_from_camera  4x4 rigid pose of the camera, in OpenCV's axes [m]; its rotation orthonormal within
  /// 1e-4.
  /// @param width,height       of the pictures, 1..16384 [px].
  /// @throws ValueError if a number is not finite or one of the conditions above does not hold.
  Camera(const Eigen::Matrix3d& intrinsics, const Eigen::Matrix4d& world_from_camera, int width, int height,
         Distortion distortion = {})
      : intrinsics_(intrinsics),
        world_from_camera_(world_from_camera),
        width_(width),
        height_(height),
        distortion_(std::move(distortion)) {
    check_size();
    check_intrinsics();
    check_pose();
    inverse_intrinsics_ = intrinsics_.inverse();
    camera_from_world_ = world_from_camera_.inverse();
  }

  /// A camera of x_in_camera = rotation * x_in_world + translation, as OpenCV, COLMAP and VGGT write extrinsics.
  static Camera from_opencv(const Eigen::Matrix3d& intrinsics, const Eigen::Matrix3d& camera_from_world_rotation,
                            const Eigen::Vector3d& translation, std::pair<int, int> width_height,
                            Distortion distortion = {}) {
    Eigen::Matrix4d world_from_camera = Eigen::Matrix4d::Identity();
    world_from_camera.topLeftCorner<3, 3>() = camera_from_world_rotation.transpose();
    world_from_camera.topRightCorner<3, 1>() = -camera_from_world_rotation.transpose() * translation;
    return {intrinsics, world_from_camera, width_height.first, width_height.second, std::move(distortion)};
  }

  const Eigen::Matrix3d& intrinsics() const { return intrinsics_; }
  const Eigen::Affine3d& world_from_camera() const { return world_from_camera_; }
  const Eigen::Affine3d& camera_from_world() const { return camera_from_world_; }
  int width() const { return width_; }
  int height() const { return height_; }
  const Distortion& distortion() const { return distortion_; }
  Eigen::Vector3d center() const { return world_from_camera_.translation(); }

  /// Pixel of a world point [m]; nullopt unless the point is in front of the camera, and inside the field of view in
  /// which its lens model is one-to-one. Paper Eq. 2.
  std::optional<Eigen::Vector2d> project(const Eigen::Vector3d& point_in_world) const {
    const Eigen::Vector3d point_in_camera = camera_from_world_ * point_in_world;
    if (!(point_in_camera.z() > nearest)) return std::nullopt;
    if (distortion_.is_none()) return (intrinsics_ * point_in_camera).hnormalized();
    const auto shown = distortion_.apply(point_in_camera.hnormalized());
    if (!shown) return std::nullopt;
    return (intrinsics_ * shown->point.homogeneous()).head<2>();
  }

  /// `project` with its derivative.
  std::optional<Projection> project_with_derivative(const Eigen::Vector3d& point_in_world) const {
    const Eigen::Vector3d point = camera_from_world_ * point_in_world;
    if (!(point.z() > nearest)) return std::nullopt;
    const Eigen::Vector2d plane = point.hnormalized();
    const auto shown = distortion_.apply(plane);
    if (!shown) return std::nullopt;
    Eigen::Matrix<double, 2, 3> hnormalized;
    hnormalized << 1.0, 0.0, -plane.x(), 0.0, 1.0, -plane.y();
    hnormalized /= point.z();
    return Projection{
        (intrinsics_ * shown->point.homogeneous()).head<2>(),
        intrinsics_.topLeftCorner<2, 2>() * shown->derivative * hnormalized * camera_from_world_.linear()};
  }

  /// Ray through a pixel [px], from the camera's centre; nullopt if the lens shows nothing there. Paper Eq. 9.
  std::optional<Ray> ray(const Eigen::Vector2d& pixel) const {
    const auto direction = direction_in_camera(pixel);
    if (!direction) return std::nullopt;
    return Ray{center(), (world_from_camera_.linear() * *direction).normalized()};
  }

  /// World point on a pixel's ray at a depth along the camera's axis [m]; nullopt as `ray`.
  std::optional<Eigen::Vector3d> point_at_depth(const Eigen::Vector2d& pixel, double depth) const {
    const auto direction = direction_in_camera(pixel);
    if (!direction) return std::nullopt;
    return world_from_camera_ * Eigen::Vector3d(*direction * depth);
  }

  /// The same camera with another pose.
  Camera moved_to(const Eigen::Matrix4d& world_from_camera) const {
    return {intrinsics_, world_from_camera, width_, height_, distortion_};
  }

  /// The same camera written with both focal lengths negated and its axes turned half round its line of sight:
  /// the form of CoppeliaSim and RLBench, and of VGGT's cameras in the released implementation; applied twice, the
  /// identity. Pixels and rays stay as they are. Only for lenses without tangential distortion.
  /// @throws ValueError if the lens has tangential distortion, which has no such form.
  Camera mirrored() const {
    const auto& k = distortion_.coefficients();
    const bool tangential = distortion_.model() == LensModel::brown_conrady && (k[2] != 0.0 || k[3] != 0.0);
    check(!tangential, "codec::Camera::mirrored", "distortion", "none that is tangential", "p1 or p2 other than 0");
    Eigen::Matrix3d intrinsics = intrinsics_;
    intrinsics.leftCols<2>() *= -1.0;
    Eigen::Matrix4d pose = world_from_camera_.matrix();
    pose.leftCols<2>() *= -1.0;
    return {intrinsics, pose, width_, height_, distortion_};
  }

  /// Camera of the pictures after `center_crop` to the aspect ratio of (height, width) and resizing to that size:
  /// fx' = fx sx, cx' = (cx - dx) sx, and the same for y. The distortion stays, for it does not depend on pixels.
  Camera center_crop_resize(int height, int width) const {
    check(1 <= std::min(height, width) && std::max(height, width) <= max_size, "codec::Camera::center_crop_resize",
          "height, width", "1..16384", text_of(height, ", ", width));
    const CropBox box = center_crop(height_, width_, height, width);
    Eigen::Matrix3d picture_from_picture = Eigen::Matrix3d::Identity();
    picture_from_picture.diagonal() << static_cast<double>(width) / box.width, static_cast<double>(height) / box.height,
        1;
    picture_from_picture(0, 2) = -box.x * picture_from_picture(0, 0);
    picture_from_picture(1, 2) = -box.y * picture_from_picture(1, 1);
    return {picture_from_picture * intrinsics_, world_from_camera_.matrix(), width, height, distortion_};
  }

 private:
  static constexpr double nearest = 1e-9;  ///< depth of points in front of the camera [m]

  /// With z = 1.
  std::optional<Eigen::Vector3d> direction_in_camera(const Eigen::Vector2d& pixel) const {
    const Eigen::Vector3d shown = inverse_intrinsics_ * pixel.homogeneous();
    if (distortion_.is_none()) return shown;
    const auto plane = distortion_.remove(shown.head<2>());
    if (!plane) return std::nullopt;
    return plane->homogeneous();
  }

  void check_size() const {
    for (const int size : {width_, height_}) {
      check(1 <= size && size <= max_size, "codec::Camera", "width, height", "1..16384 px",
            text_of(width_, ", ", height_));
    }
  }

  void check_intrinsics() const {
    check(intrinsics_.allFinite(), "codec::Camera", "intrinsics", "finite numbers", "NaN or infinity");
    const bool last_row = (intrinsics_.row(2) - Eigen::RowVector3d::UnitZ()).cwiseAbs().maxCoeff() < 1e-6;
    check(last_row, "codec::Camera", "intrinsics", "last row 0 0 1", intrinsics_.row(2));
    const double determinant = intrinsics_.determinant();
    check(std::abs(determinant) > 1e-9, "codec::Camera", "intrinsics", "an invertible 3x3 matrix",
          text_of("determinant ", determinant));
  }

  void check_pose() const {
    const Eigen::Matrix4d& pose = world_from_camera_.matrix();
    check(pose.allFinite(), "codec::Camera", "world_from_camera", "finite numbers", "NaN or infinity");
    const bool last_row = (pose.row(3) - Eigen::RowVector4d::UnitW()).cwiseAbs().maxCoeff() < 1e-6;
    check(last_row, "codec::Camera", "world_from_camera", "last row 0 0 0 1", pose.row(3));
    const Eigen::Matrix3d rotation = pose.topLeftCorner<3, 3>();
    const double error = (rotation.transpose() * rotation - Eigen::Matrix3d::Identity()).cwiseAbs().maxCoeff();
    check(error < 1e-4, "codec::Camera", "world_from_camera", "a rotation orthonormal within 1e-4",
          text_of("an error of ", error));
    check(rotation.determinant() > 0, "codec::Camera", "world_from_camera", "a rotation with determinant +1",
          "a reflection (determinant -1)");
  }

  Eigen::Matrix3d intrinsics_;
  Eigen::Affine3d world_from_camera_;
  int width_;
  int height_;
  Distortion distortion_;
  Eigen::Matrix3d inverse_intrinsics_;
  Eigen::Affine3d camera_from_world_;
};

}  // namespace action_images
