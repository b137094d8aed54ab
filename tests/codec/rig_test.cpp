// SPDX-License-Identifier: Apache-2.0
#include <action_images/codec/rig.hpp>

#include <doctest/doctest.h>

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
    CHECK(rays.shape(3) == 6);
    for (std::size_t view = 0; view < 2; ++view) {
      const Ray ray = rig[view].ray({5.5, 3.5});
      const Eigen::Map<const Eigen::Vector3d> direction(&rays(view, 3, 5, 0));
      const Eigen::Map<const Eigen::Vector3d> moment(&rays(view, 3, 5, 3));
      CHECK((direction - ray.direction).norm() < 1e-12);
      CHECK((moment - ray.origin.cross(ray.direction)).norm() < 1e-12);
    }
  }
}
