// SPDX-License-Identifier: Apache-2.0
#include <action_images/calibration/similarity_fit.hpp>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include "scale_scenes.hpp"

using namespace action_images;

namespace {

std::vector<Eigen::Vector3d> random_points(std::size_t count, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0.0, 1.0);
  std::vector<Eigen::Vector3d> points;
  for (std::size_t i = 0; i < count; ++i) points.emplace_back(normal(random), normal(random), normal(random));
  return points;
}

std::vector<Eigen::Vector3d> moved(const std::vector<Eigen::Vector3d>& points, const Similarity& similarity) {
  std::vector<Eigen::Vector3d> result;
  for (const Eigen::Vector3d& point : points) result.push_back(similarity * point);
  return result;
}

double difference(const Similarity& a, const Similarity& b) { return (a.matrix() - b.matrix()).norm(); }

}  // namespace

TEST_CASE("a similarity is found exactly from three points or more, also of a plane") {
  const Similarity truth = test::some_frame();
  for (const std::size_t count : {3, 4, 50}) {
    const auto points = random_points(count);
    const SimilarityFit fit = similarity_from_points(points, moved(points, truth));
    CHECK(difference(fit.similarity, truth) < 1e-12);
    CHECK(fit.rms < 1e-12);
    CHECK(fit.largest < 1e-12);
  }
}

TEST_CASE("similarities compose and invert, also on rigs and actions") {
  const Similarity a = test::some_frame(), b{2.5, rotation_from_euler({-1.2, 0.4, 0.1}), {0.1, -3.0, 0.2}};
  const Eigen::Vector3d point(0.2, -0.5, 1.4);
  CHECK(((a * b) * point - a * (b * point)).norm() < 1e-12);
  CHECK(difference(a * a.inverse(), Similarity()) < 1e-12);
  const Rig rig = test::rig_around(3, 64);
  CHECK(test::center_error(align_rig(align_rig(rig, a), a.inverse()), rig) < 1e-12);
  const Trajectory actions = test::random_motion(5, 1);
  const Trajectory back = align_actions(align_actions(actions, a), a.inverse());
  CHECK((matrix_from_trajectory(back) - matrix_from_trajectory(actions)).norm() < 1e-9);
}

TEST_CASE("a rig that is moved sees the same pixels of points that are moved with it") {
  const Rig rig = test::rig_around(2, 64).named({"left", "right"});
  const Rig aligned = align_rig(rig, test::some_frame());
  const Eigen::Vector3d point(0.02, 0.03, 0.1);
  for (std::size_t view = 0; view < 2; ++view) {
    CHECK((*rig[view].project(point) - *aligned[view].project(test::some_frame() * point)).norm() < 1e-9);
  }
  CHECK(aligned.names() == rig.names());
}

TEST_CASE("NaN in actions stays where it is") {
  Trajectory actions = test::random_motion(2, 1);
  actions[0].position.x() = std::numeric_limits<double>::quiet_NaN();
  const Trajectory moved = align_actions(actions, test::some_frame());
  CHECK(moved[0].position.hasNaN());
  CHECK(moved[1].is_finite());
}

TEST_CASE("the error of a similarity shrinks with noise, and its residual tells the noise") {
  const Similarity truth = test::some_frame();
  const auto points = random_points(200);
  for (const double noise : {0.1, 0.01, 0.001}) {
    auto target = moved(points, truth);
    const auto errors = random_points(200, 9);
    for (std::size_t i = 0; i < target.size(); ++i) target[i] += noise * errors[i];
    const SimilarityFit fit = similarity_from_points(points, target);
    CHECK(std::abs(fit.similarity.scale - truth.scale) < 0.3 * noise);
    CHECK(fit.rms == doctest::Approx(noise * std::sqrt(3.0)).epsilon(0.1));
  }
}

TEST_CASE("pairs that contradict or are not finite do not disturb a robust similarity") {
  const Similarity truth = test::some_frame();
  const auto points = random_points(60);
  auto target = moved(points, truth);
  for (std::size_t i = 0; i < 12; ++i) target[i] += Eigen::Vector3d(1.0, -2.0, 0.5 + static_cast<double>(i));
  target[20].x() = std::numeric_limits<double>::quiet_NaN();
  const SimilarityFit fit = similarity_from_points(points, target, {.robust = true});
  CHECK(difference(fit.similarity, truth) < 1e-9);
  CHECK_FALSE(fit.inliers[3]);
  CHECK_FALSE(fit.inliers[20]);
  CHECK(fit.inliers[40]);
  CHECK(std::isnan(fit.residuals[20]));
}

TEST_CASE("weights and a fixed scale count") {
  const Similarity truth = test::some_frame();
  const auto points = random_points(10);
  auto target = moved(points, truth);
  target[0] += Eigen::Vector3d::Constant(5.0);
  std::vector<double> weights(10, 1.0);
  weights[0] = 0.0;
  CHECK(difference(similarity_from_points(points, target, {.weights = weights}).similarity, truth) < 1e-12);
  CHECK(similarity_from_points(points, target, {.scaled = false}).similarity.scale == 1.0);
}

TEST_CASE("points on a line, too few of them or other numbers give no similarity") {
  const std::vector<Eigen::Vector3d> line{{0, 0, 0}, {1, 1, 1}, {2, 2, 2}, {5, 5, 5}};
  CHECK_THROWS_WITH_AS(similarity_from_points(line, line),
                       "[codec::similarity_from_points] from, to: expected points that do not lie on a line, got a "
                       "line, or a single place",
                       NumericalError);
  CHECK_THROWS_AS(similarity_from_points(random_points(2), random_points(2)), NumericalError);
  CHECK_THROWS_WITH_AS(similarity_from_points(random_points(4), random_points(3)),
                       "[codec::similarity_from_points] to: expected (4, 3), got (3, 3)", ShapeError);
  CHECK_THROWS_AS(align_rig(test::rig_around(1, 16), Similarity{-1.0}), ValueError);
}

TEST_CASE("two cameras are enough to bring a rig onto another one") {
  for (const int views : {2, 3, 4}) {
    const Rig rig = test::rig_around(views, 64);
    const SimilarityFit fit = similarity_from_rigs(align_rig(rig, test::some_frame()), rig);
    CHECK(difference(fit.similarity, test::some_frame().inverse()) < 1e-9);
    CHECK(fit.rms < 1e-9);
    CHECK(fit.rotation_rms < 1e-7);
  }
  const Rig rig = test::rig_around(2, 64);
  const SimilarityFit off = similarity_from_rigs(align_rig(rig, test::some_frame()), test::disturbed(rig, 0.02, 0.01));
  CHECK(off.rms > 1e-3);
  CHECK(off.rotation_rms > 1e-3);
  CHECK_THROWS_AS(similarity_from_rigs(Rig({rig[0]}), Rig({rig[0]})), NumericalError);
  CHECK_THROWS_AS(similarity_from_rigs(rig, Rig({rig[0]})), ValueError);
}

TEST_CASE("a known distance of two cameras gives the scale") {
  const Rig rig = test::rig_around(3, 64);
  const double distance = (rig[0].center() - rig[2].center()).norm();
  const Rig estimated = align_rig(rig, test::some_frame());
  const Similarity similarity = scale_from_camera_distance(estimated, {0, 2}, distance);
  CHECK(similarity.scale == doctest::Approx(1.0 / 0.37).epsilon(1e-12));
  CHECK_THROWS_WITH_AS(scale_from_camera_distance(rig, {0, 3}, 1.0),
                       "[codec::scale_from_camera_distance] views: expected two different ones of 3, got 0, 3",
                       ValueError);
  CHECK_THROWS_AS(scale_from_camera_distance(rig, {0, 1}, -1.0), ValueError);
  CHECK_THROWS_AS(scale_from_camera_distance(Rig({rig[0], rig[0]}), {0, 1}, 1.0), NumericalError);
}
