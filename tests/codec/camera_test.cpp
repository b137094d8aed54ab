// SPDX-License-Identifier: Apache-2.0
#include <action_images/codec/camera.hpp>

#include <limits>
#include <random>

#include <doctest/doctest.h>

#include "scenes.hpp"

using namespace action_images;

namespace {

Eigen::Matrix3d some_intrinsics() {
  Eigen::Matrix3d intrinsics;
  intrinsics << 100, 0, 32, 0, 100, 24, 0, 0, 1;
  return intrinsics;
}

Camera some_camera() { return {some_intrinsics(), Eigen::Matrix4d::Identity(), 64, 48}; }

}  // namespace

TEST_CASE("a projected point lies on the ray of its pixel, mirrored cameras included") {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> metres(-0.2, 0.2);
  for (const double mirror : {1.0, -1.0}) {
    const Camera camera = test::camera_around(0.4, 128, mirror);
    for (int i = 0; i < 100; ++i) {
      const Eigen::Vector3d point(metres(random), metres(random), metres(random));
      const Ray ray = camera.ray(camera.project(point).value()).value();
      CHECK((point - ray.origin).cross(ray.direction).norm() < 1e-12);
      CHECK(ray.direction.norm() == doctest::Approx(1.0));
    }
  }
}

TEST_CASE("negative focal lengths with mirrored axes are the same camera") {
  const Eigen::Vector3d point(0.03, -0.05, 0.1);
  const auto pixel = test::camera_around(0.4, 128, 1.0).project(point);
  CHECK((*pixel - *test::camera_around(0.4, 128, -1.0).project(point)).norm() < 1e-12);
}

TEST_CASE("the principal ray meets the centre of the picture") {
  const auto pixel = some_camera().project({0, 0, 2});
  CHECK(*pixel == Eigen::Vector2d(32, 24));
  CHECK((some_camera().point_at_depth({132, 24}, 2.0).value() - Eigen::Vector3d(2, 0, 2)).norm() < 1e-12);
}

TEST_CASE("a point that is not in front of the camera has no pixel") {
  CHECK_FALSE(some_camera().project({0, 0, -1}).has_value());
  CHECK_FALSE(some_camera().project({1, 0, 0}).has_value());
}

TEST_CASE("the ray of a projected point meets the point through every lens, and derivatives are differences") {
  const Distortion lenses[] = {{LensModel::brown_conrady, {-0.28, 0.09, 1e-3, -5e-4}},
                               {LensModel::brown_conrady, {0.12, -0.2, 5e-4, 1e-3, 0.06}},
                               {LensModel::brown_conrady, {0.9, 0.3, 1e-4, -2e-4, 0.02, 1.1, 0.5, 0.05}},
                               {LensModel::fisheye, {0.05, -0.02, 0.01, -0.003}}};
  std::mt19937 random(8);
  std::uniform_real_distribution<double> metres(-0.2, 0.2);
  for (const Distortion& lens : lenses) {
    const Camera pinhole = test::camera_around(0.4, 128);
    const Camera camera(pinhole.intrinsics(), pinhole.world_from_camera().matrix(), 128, 128, lens);
    double moved = 0.0;
    for (int i = 0; i < 100; ++i) {
      const Eigen::Vector3d point(metres(random), metres(random), metres(random));
      const auto projection = camera.project_with_derivative(point);
      REQUIRE(projection.has_value());
      CHECK((projection->pixel - *camera.project(point)).norm() < 1e-10);
      moved = std::max(moved, (projection->pixel - *pinhole.project(point)).norm());
      const Ray ray = camera.ray(projection->pixel).value();
      CHECK((point - ray.origin).cross(ray.direction).norm() < 1e-10);
      for (int axis = 0; axis < 3; ++axis) {
        const Eigen::Vector3d step = 1e-6 * Eigen::Vector3d::Unit(axis);
        const Eigen::Vector2d slope = (*camera.project(point + step) - *camera.project(point - step)) / 2e-6;
        CHECK((projection->derivative.col(axis) - slope).norm() < 1e-4);
      }
    }
    CHECK(moved > 0.5);
  }
}

TEST_CASE("beyond the one-to-one field of a lens there are no pixels and no rays") {
  const Camera camera(some_intrinsics(), Eigen::Matrix4d::Identity(), 64, 48,
                      {LensModel::brown_conrady, {-0.5, 0.0, 0.0, 0.0}});
  CHECK(camera.project({0.5, 0, 1}).has_value());
  CHECK_FALSE(camera.project({1.0, 0, 1}).has_value());
  CHECK_FALSE(camera.ray({32 + 100, 24}).has_value());
  CHECK_THROWS_WITH_AS(Distortion(LensModel::fisheye, {0.1}),
                       "[codec::Distortion] coefficients: expected 4 of a fisheye lens, got 1", ValueError);
}

TEST_CASE("a mirrored camera sees the same pixels, and mirroring twice is the identity") {
  const Camera camera = test::camera_around(0.4, 128);
  const Eigen::Vector3d point(0.03, -0.05, 0.1);
  CHECK(camera.mirrored().intrinsics()(0, 0) == -camera.intrinsics()(0, 0));
  CHECK((*camera.mirrored().project(point) - *camera.project(point)).norm() < 1e-12);
  CHECK((camera.mirrored().mirrored().world_from_camera().matrix() - camera.world_from_camera().matrix()).norm() == 0);
}

TEST_CASE("a pose in any axes, and OpenCV's extrinsics, give the same camera") {
  const Camera camera = test::camera_around(0.4, 128);
  const Eigen::Matrix4d pose = camera.world_from_camera().matrix();
  for (const CameraAxes axes :
       {CameraAxes::opencv, CameraAxes::opengl, CameraAxes::blender, CameraAxes::pytorch3d, CameraAxes::ros}) {
    CHECK((pose_from_axes(pose_to_axes(pose, axes), axes) - pose).norm() < 1e-15);
  }
  // The line of sight is OpenGL's -z, ROS's x.
  CHECK((pose_to_axes(pose, CameraAxes::opengl).col(2) + pose.col(2)).norm() < 1e-15);
  CHECK((pose_to_axes(pose, CameraAxes::ros).col(0) - pose.col(2)).norm() < 1e-15);
  const Camera same = Camera::from_opencv(camera.intrinsics(), camera.camera_from_world().linear(),
                                          camera.camera_from_world().translation(), {128, 128});
  CHECK((same.world_from_camera().matrix() - pose).norm() < 1e-12);
}

TEST_CASE("centre crop and resize moves points with the picture") {
  const Camera camera = some_camera();
  const Camera square = camera.center_crop_resize(96, 96);  // crops 48 x 48 from column 8, doubles
  CHECK(square.width() == 96);
  const auto before = camera.project({0.1, -0.05, 1.0});
  const auto after = square.project({0.1, -0.05, 1.0});
  CHECK((*after - 2.0 * (*before - Eigen::Vector2d(8, 0))).norm() < 1e-12);
}

TEST_CASE("a centre crop may begin at half a pixel") {
  const CropBox box = center_crop(10, 13, 5, 5);
  CHECK(box.width == 10);
  CHECK(box.x == 1.5);
  CHECK(box.y == 0.0);
}

TEST_CASE("matrices that are no camera are refused with the reason") {
  const Eigen::Matrix4d identity = Eigen::Matrix4d::Identity();
  CHECK_THROWS_WITH_AS(Camera(Eigen::Matrix3d::Zero(), identity, 8, 8),
                       doctest::Contains("[codec::Camera] intrinsics: expected last row 0 0 1"), ValueError);
  Eigen::Matrix3d flat = some_intrinsics();
  flat(0, 0) = 0.0;
  CHECK_THROWS_WITH_AS(Camera(flat, identity, 8, 8), doctest::Contains("expected an invertible 3x3 matrix"),
                       ValueError);
  Eigen::Matrix4d pose = identity;
  pose(0, 3) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH_AS(Camera(some_intrinsics(), pose, 8, 8), doctest::Contains("expected finite numbers"), ValueError);
  pose = identity;
  pose(0, 0) = 1.001;
  CHECK_THROWS_WITH_AS(Camera(some_intrinsics(), pose, 8, 8), doctest::Contains("orthonormal within 1e-4"), ValueError);
  pose = identity;
  pose(0, 0) = -1.0;
  CHECK_THROWS_WITH_AS(Camera(some_intrinsics(), pose, 8, 8), doctest::Contains("determinant +1"), ValueError);
  CHECK_THROWS_WITH_AS(Camera(some_intrinsics(), identity, 0, 8),
                       "[codec::Camera] width, height: expected 1..16384 px, got 0, 8", ValueError);
}

TEST_CASE("a float32 pose is a pose") {
  const Camera camera = test::camera_around(0.4, 64);
  const Eigen::Matrix4d rounded = camera.world_from_camera().matrix().cast<float>().cast<double>();
  CHECK_NOTHROW(camera.moved_to(rounded));
}
