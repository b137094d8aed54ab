// SPDX-License-Identifier: Apache-2.0
#include <action_images/codec/triangulate.hpp>

#include <doctest/doctest.h>

#include "scenes.hpp"

using namespace action_images;

TEST_CASE("a point seen in two to four views is where it was") {
  const Eigen::Vector3d point(0.03, -0.04, 0.12);
  for (const int views : {2, 3, 4}) {
    const Rig rig = test::rig_around(views, 64);
    std::vector<Sighting> sightings;
    for (const Camera& camera : rig) sightings.push_back({&camera, *camera.project(point), 1.0});
    const auto found = triangulate(sightings, 1.0);
    REQUIRE(found);
    CHECK((found->point - point).norm() < 1e-9);
    CHECK(found->residual < 1e-6);
  }
}

TEST_CASE("the residual tells by how many pixels the views disagree") {
  const Rig rig = test::rig_around(2, 64);
  const Eigen::Vector3d point(0.03, -0.04, 0.12);
  const Sighting first{&rig[0], *rig[0].project(point)};
  const Sighting second{&rig[1], *rig[1].project(point) + Eigen::Vector2d(0, 4)};
  const auto found = triangulate({first, second}, 1.0);
  REQUIRE(found);
  CHECK(found->residual > 0.5);
  CHECK(found->residual < 4.0);
}

TEST_CASE("one view or parallel rays give no point") {
  const Rig rig = test::rig_around(2, 64);
  const Sighting sighting{&rig[0], {30, 30}};
  CHECK_FALSE(triangulate({sighting}, 1.0));
  CHECK_FALSE(triangulate({sighting, sighting}, 1.0));
}

TEST_CASE("rays that meet behind a camera give no point") {
  const Rig rig = test::rig_around(2, 64);
  const Sighting left{&rig[0], {-400, 32}};
  const Sighting right{&rig[1], {460, 32}};
  const auto found = triangulate({left, right}, 1.0);
  const auto other = triangulate({{&rig[0], {460, 32}}, {&rig[1], {-400, 32}}}, 1.0);
  CHECK((!found || !other));
}
