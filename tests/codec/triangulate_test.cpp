// SPDX-License-Identifier: Apache-2.0
#include <action_images/codec/triangulate.hpp>

#include <random>
#include <vector>

#include <doctest/doctest.h>

#include "scenes.hpp"

using namespace action_images;

namespace {

std::optional<TriangulatedPoint> triangulated(const std::vector<Sighting>& sightings) {
  return triangulate(sightings, 1.0);
}

}  // namespace

TEST_CASE("a point seen in two to four views is where it was") {
  const Eigen::Vector3d point(0.03, -0.04, 0.12);
  for (const int views : {2, 3, 4}) {
    const Rig rig = test::rig_around(views, 64);
    std::vector<Sighting> sightings;
    for (const Camera& camera : rig) sightings.push_back({&camera, *camera.project(point)});
    const auto found = triangulated(sightings);
    REQUIRE(found);
    CHECK((found->point - point).norm() < 1e-9);
    CHECK(found->chi_square < 1e-9);
    CHECK(found->freedom == doctest::Approx(2.0 * views - 3.0));
  }
}

TEST_CASE("the covariance of a point is that of its errors") {
  const Rig rig = test::rig_around(2, 64);
  const Eigen::Vector3d point(0.03, -0.04, 0.12);
  Eigen::Matrix2d first_covariance, second_covariance;
  first_covariance << 0.04, 0.01, 0.01, 0.02;
  second_covariance << 0.01, 0.0, 0.0, 0.09;
  const Eigen::Matrix2d first_root = first_covariance.llt().matrixL(), second_root = second_covariance.llt().matrixL();
  std::mt19937 random(3);
  std::normal_distribution<double> normal;
  constexpr int trials = 2000;
  double squares = 0.0;
  double chi_squares = 0.0;
  for (int i = 0; i < trials; ++i) {
    const Eigen::Vector2d first(normal(random), normal(random)), second(normal(random), normal(random));
    const auto found = triangulated({{&rig[0], *rig[0].project(point) + first_root * first, first_covariance},
                                     {&rig[1], *rig[1].project(point) + second_root * second, second_covariance}});
    REQUIRE(found);
    const Eigen::Vector3d error = found->point - point;
    squares += error.dot(found->covariance.inverse() * error) / trials;
    chi_squares += found->chi_square / trials;
  }
  CHECK(squares == doctest::Approx(3.0).epsilon(0.1));
  CHECK(chi_squares == doctest::Approx(1.0).epsilon(0.1));
}

TEST_CASE("a view of three that contradicts does not move the point") {
  const Rig rig = test::rig_around(4, 64);
  const Eigen::Vector3d point(0.03, -0.04, 0.12);
  std::vector<Sighting> sightings;
  for (const Camera& camera : rig) sightings.push_back({&camera, *camera.project(point)});
  sightings[3].pixel += Eigen::Vector2d(12, -9);
  const auto found = triangulate(sightings, 0.5, point);
  REQUIRE(found);
  CHECK((found->point - point).norm() < 1e-4);
  CHECK(found->freedom < 3.1);
}

TEST_CASE("one view or parallel rays give no point") {
  const Rig rig = test::rig_around(2, 64);
  const Sighting sighting{&rig[0], {30, 30}};
  CHECK_FALSE(triangulated({sighting}));
  CHECK_FALSE(triangulated({sighting, sighting}));
}

TEST_CASE("rays that meet behind a camera give no point") {
  const Rig rig = test::rig_around(2, 64);
  const auto found = triangulated({{&rig[0], {-400, 32}}, {&rig[1], {460, 32}}});
  const auto other = triangulated({{&rig[0], {460, 32}}, {&rig[1], {-400, 32}}});
  CHECK((!found || !other));
}
