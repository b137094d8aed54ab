// SPDX-License-Identifier: Apache-2.0
#include <action_images/codec/rig.hpp>

#include <cmath>
#include <cstddef>

#include <doctest/doctest.h>

#include <action_images/codec/plucker.hpp>

#include "scenes.hpp"

using namespace action_images;

TEST_CASE("a rig relative to its first camera sees the same pixels") {
  const Rig rig = test::rig_around(3, 64);
  const Rig relative = rig.relative_to_first();
  CHECK((relative[0].world_from_camera().matrix() - Eigen::Matrix4d::Identity()).norm() < 1e-12);
  const Eigen::Vector3d point(0.02, 0.03, 0.1);
  const Eigen::Vector3d point_in_first = rig[0].camera_from_world() * point;
  for (std::size_t view = 0; view < rig.size(); ++view) {
    CHECK((*rig[view].project(point) - *relative[view].project(point_in_first)).norm() < 1e-9);
  }
}

TEST_CASE("a rig needs a camera, and cameras of one size") {
  CHECK_THROWS_WITH_AS(Rig({}), "[codec::Rig] cameras: expected at least one, got none", ValueError);
  CHECK_THROWS_WITH_AS(Rig({test::camera_around(0, 64), test::camera_around(1, 32)}),
                       "[codec::Rig] cameras: expected equal sizes 64 x 64, got 32 x 32", ValueError);
}

TEST_CASE("Plücker rays are those of the pixel centres, with moments o x d") {
  for (const double mirror : {1.0, -1.0}) {
    const Rig rig = test::rig_around(2, 16, mirror);
    const auto rays = plucker<double>(rig);
    CHECK(rays.shape(0) == 2);
    CHECK(rays.shape(4) == 6);
    for (std::size_t view = 0; view < 2; ++view) {
      const Ray ray = rig[view].ray({5.5, 3.5}).value();
      const Eigen::Map<const Eigen::Vector3d> direction(&rays(view, 0, 3, 5, 0));
      const Eigen::Map<const Eigen::Vector3d> moment(&rays(view, 0, 3, 5, 3));
      CHECK((direction - ray.direction).norm() < 1e-12);
      CHECK((moment - ray.origin.cross(ray.direction)).norm() < 1e-12);
    }
  }
}

TEST_CASE("float32 rays are exact to 1e-6, with every lens, moment scale and number of threads") {
  const Camera pinhole = test::camera_around(0.4, 131);
  const Eigen::Matrix4d pose = pinhole.world_from_camera().matrix();
  const Eigen::Matrix4d moved = test::camera_around(1.1, 131).world_from_camera().matrix();
  const auto with_lens = [&](const Distortion& lens, const Eigen::Matrix4d& at) {
    return Camera(pinhole.intrinsics(), at, 131, 131, lens);
  };
  const Distortion barrel(LensModel::brown_conrady, {-0.2, 0.05, 1e-3, -2e-3});
  const Distortion fisheye(LensModel::fisheye, {0.02, -0.01, 0.003, 0.0});
  const Rig rig = Rig::moving({{pinhole, pinhole.moved_to(moved)},
                               {with_lens(barrel, pose), with_lens(barrel, moved)},
                               {with_lens(fisheye, pose), with_lens(barrel, pose)}});
  const auto rays = plucker(rig, {.moment_scale = 1.0 / 3.0, .threads = 1});
  CHECK(plucker(rig, {.moment_scale = 1.0 / 3.0, .threads = 2}) == rays);
  for (std::size_t view = 0; view < 3; ++view) {
    for (std::size_t time = 0; time < 2; ++time) {
      for (std::size_t i = 0; i < 131 * 131; i += 7) {
        const std::size_t row = i / 131, column = i % 131;
        const Ray ray =
            rig.camera(view, time).ray({static_cast<double>(column) + 0.5, static_cast<double>(row) + 0.5}).value();
        const Eigen::Map<const Eigen::Vector3f> direction(&rays(view, time, row, column, 0));
        const Eigen::Map<const Eigen::Vector3f> moment(&rays(view, time, row, column, 3));
        const Eigen::Vector3d expected = ray.origin.cross(ray.direction) / 3.0;
        REQUIRE((direction.cast<double>() - ray.direction).norm() < 1e-6);
        REQUIRE((moment.cast<double>() - expected).norm() < 1e-6 * expected.norm());
      }
    }
  }
}

TEST_CASE("where a lens shows nothing, rays are NaN") {
  const Camera pinhole = test::camera_around(0.4, 32);
  Eigen::Matrix3d wide = pinhole.intrinsics();
  wide.topLeftCorner<2, 2>() *= 0.1;
  const Distortion barrel(LensModel::brown_conrady, {-0.3, 0.0, 0.0, 0.0});
  const auto rays = plucker(Rig({Camera(wide, pinhole.world_from_camera().matrix(), 32, 32, barrel)}));
  CHECK(std::isnan(rays(0, 0, 0, 0, 0)));
  CHECK(std::isnan(rays(0, 0, 0, 0, 5)));
  CHECK(std::isfinite(rays(0, 0, 16, 16, 0)));
}

TEST_CASE("a rig that moves has a camera for every view and frame; a view may stand still in it") {
  const std::vector<Camera> moving{test::camera_around(0.0, 16), test::camera_around(0.1, 16),
                                   test::camera_around(0.2, 16)};
  const Rig rig = Rig::moving({moving, {test::camera_around(1.0, 16)}});
  CHECK(rig.size() == 2);
  CHECK(rig.frames() == 3);
  CHECK(rig.camera(0, 2).center() == moving[2].center());
  CHECK(rig.camera(1, 2).center() == rig[1].center());
  CHECK(rig.clip(1, 2).frames() == 2);
  CHECK(rig.clip(1, 2)[0].center() == moving[1].center());
  CHECK_FALSE(rig.clip(1, 1).is_moving());
  CHECK(rig.relative_to_first().camera(0, 0).center().norm() < 1e-12);
  CHECK(plucker(rig).shape(1) == 3);
  CHECK_THROWS_WITH_AS(Rig::moving({moving, {moving[0], moving[1]}}),
                       "[codec::Rig] cameras: expected 1 or 3 for every view, as for another view, got 2", ValueError);
  CHECK_THROWS_WITH_AS(rig.clip(2, 2), "[codec::Rig::clip] first, count: expected frames within 0..3, got 2, 2",
                       ValueError);
}

TEST_CASE("float32 poses of large error are still a rig relative to the first") {
  Eigen::Matrix4d pose = test::camera_around(0.3, 16).world_from_camera().matrix();
  pose.topLeftCorner<3, 3>() *= 1.0 + 4e-5;
  const Camera first = test::camera_around(0.1, 16).moved_to(pose);
  pose.topLeftCorner<3, 3>() *= 1.0 - 8e-5;
  CHECK_NOTHROW(Rig({first, first.moved_to(pose)}).relative_to_first());
}
