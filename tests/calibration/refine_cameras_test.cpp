// SPDX-License-Identifier: Apache-2.0
#include <action_images/calibration/refine_cameras.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include <doctest/doctest.h>
#include <action_images/calibration/axis_scale.hpp>
#include <action_images/codec/encode.hpp>

#include "scale_scenes.hpp"

using namespace action_images;

TEST_CASE("a rig of another unit and frame comes back from the points of a gripper") {
  for (const int views : {2, 3, 4}) {
    const Rig rig = test::rig_around(views, 256);
    const Trajectory actions = test::random_motion(views == 2 ? 1 : 10, 3);
    const Rig estimated = align_rig(rig, test::some_frame());
    const AlignedRig aligned = align_to_gripper(estimated, test::seen_pixels(rig, actions), actions);
    CHECK(aligned.similarity.scale * 0.37 == doctest::Approx(1.0).epsilon(1e-9));
    CHECK(test::center_error(aligned.rig, rig) < 1e-8);
    CHECK(aligned.rms_px < 1e-6);
    CHECK(aligned.rms_mm < 1e-6);
    CHECK(aligned.converged);
  }
}

TEST_CASE("the stated error of the scale is that of repeated measurements, with one frame and with many") {
  const Rig rig = test::rig_around(2, 256);
  for (const int frames : {1, 20}) {
    const Trajectory actions = test::random_motion(frames, 3);
    double squares = 0.0, stated = 0.0;
    constexpr int trials = 100;
    for (unsigned seed = 0; seed < trials; ++seed) {
      const auto pixels = test::seen_pixels(rig, actions, 1.0, 0.0, seed);
      const AlignedRig aligned = align_to_gripper(align_rig(rig, test::some_frame()), pixels, actions);
      const double error = aligned.similarity.scale * 0.37 - 1.0;
      squares += error * error / trials;
      stated += aligned.scale_error * aligned.scale_error / trials;
    }
    MESSAGE(frames, " frames: scale error ", std::sqrt(squares), ", stated ", std::sqrt(stated));
    CHECK(std::sqrt(squares / stated) > 0.6);
    CHECK(std::sqrt(squares / stated) < 1.6);
  }
}

TEST_CASE("a fifth of wrong pixels does not spoil the alignment") {
  for (const int views : {2, 4}) {
    const Rig rig = test::rig_around(views, 256);
    const Trajectory actions = test::random_motion(20, 3);
    const auto pixels = test::seen_pixels(rig, actions, 0.3, 0.2);
    const AlignedRig aligned = align_to_gripper(align_rig(rig, test::some_frame()), pixels, actions);
    CHECK(std::abs(aligned.similarity.scale * 0.37 - 1.0) < 0.005);
    CHECK(aligned.rms_px < 1.5);
    const auto counted = std::count(aligned.inliers.begin(), aligned.inliers.end(), true);
    CHECK(counted < 0.9 * static_cast<double>(aligned.inliers.size()));
  }
}

TEST_CASE("derivatives of the alignment and of the cameras are those of finite differences") {
  Camera camera = test::camera_around(0.4, 256);
  camera = Camera(camera.intrinsics(), camera.world_from_camera().matrix(), 256, 256,
                  Distortion(LensModel::brown_conrady, {-0.2, 0.05, 1e-3, -2e-3}));
  const Eigen::Vector3d point(0.03, -0.04, 0.12);
  const detail::CameraUnknowns unknowns{1, FocalLengths::per_view, true};
  const auto derivative = detail::camera_derivative(camera, *camera.project_with_derivative(point), point, unknowns);
  constexpr double small = 1e-6;
  for (Eigen::Index i = 0; i < unknowns.of_view(); ++i) {
    const Eigen::VectorXd step = small * Eigen::VectorXd::Unit(unknowns.of_view(), i);
    const Eigen::Vector2d ahead = *detail::stepped_camera(camera, step, unknowns).project(point);
    const Eigen::Vector2d behind = *detail::stepped_camera(camera, -step, unknowns).project(point);
    CHECK(((ahead - behind) / (2.0 * small) - derivative.col(i)).norm() < 1e-4 * (1.0 + derivative.col(i).norm()));
  }
  const Rig rig({camera});
  const std::vector<detail::KnownSighting> sightings{{0, 0, 0, {3, 4}, point}, {0, 0, 1, {3, 4}, {0.1, 0.1, 0.0}}};
  const detail::AlignmentProblem problem(rig, sightings, Similarity{1.1}, Loss::squared);
  const auto motion = problem.motion_of(point);
  for (Eigen::Index i = 0; i < 7; ++i) {
    const Eigen::VectorXd step = small * Eigen::VectorXd::Unit(7, i);
    const Eigen::Vector3d ahead = problem.moved(step) * point, behind = problem.moved(-step) * point;
    CHECK(((ahead - behind) / (2.0 * small) - motion.col(i)).norm() < 1e-8);
  }
}

TEST_CASE("cameras come back exactly from a known trajectory, with one to four views, wherever they were") {
  for (const int views : {1, 2, 3, 4}) {
    for (const FocalLengths focal : {FocalLengths::fixed, FocalLengths::shared, FocalLengths::per_view}) {
      const Rig rig = test::rig_around(views, 256);
      const Trajectory actions = test::random_motion(20, 3);
      const double wrong_focal = focal == FocalLengths::fixed ? 1.0 : 1.1;
      const Rig given = align_rig(test::disturbed(rig, 0.03, 0.02, wrong_focal), test::some_frame());
      const RefinedRig refined = refine_cameras(given, test::seen_pixels(rig, actions), actions, {.focal = focal});
      CHECK(test::center_error(refined.rig, rig) < 1e-7);
      CHECK(test::turn_error(refined.rig, rig) < 1e-7);
      CHECK(std::abs(refined.rig[0].intrinsics()(0, 0) / rig[0].intrinsics()(0, 0) - 1.0) < 1e-7);
      CHECK(refined.converged);
      CHECK(refined.similarity.has_value() == (views > 1));
      CHECK(refined.views[0].rms_after < 1e-5);
    }
  }
}

TEST_CASE("cameras with negative focal lengths, a lens and a principal point that is off come back too") {
  const Rig pinholes = test::rig_around(2, 256, -1.0);
  const Rig rig = pinholes.transformed([](const Camera& camera) {
    return Camera(camera.intrinsics(), camera.world_from_camera().matrix(), 256, 256,
                  Distortion(LensModel::fisheye, {0.02, -0.01, 0.003, 0.0}));
  });
  const Rig given = rig.transformed([](const Camera& camera) {
    Eigen::Matrix3d intrinsics = camera.intrinsics();
    intrinsics.topRightCorner<2, 1>() += Eigen::Vector2d(6.0, -4.0);
    return Camera(intrinsics, camera.world_from_camera().matrix(), 256, 256, camera.distortion());
  });
  const Trajectory actions = test::random_motion(20, 3);
  const RefinedRig refined = refine_cameras(given, test::seen_pixels(rig, actions), actions, {.principal_point = true});
  CHECK(test::center_error(refined.rig, rig) < 1e-6);
  CHECK((refined.rig[1].intrinsics() - rig[1].intrinsics()).norm() < 1e-4);
}

TEST_CASE("the stated error of a camera's place is that of repeated measurements") {
  const Rig rig = test::rig_around(1, 256);
  const Trajectory actions = test::random_motion(30, 3);
  double squares = 0.0, stated = 0.0;
  constexpr int trials = 60;
  for (unsigned seed = 0; seed < trials; ++seed) {
    const RefinedRig refined = refine_cameras(rig, test::seen_pixels(rig, actions, 1.0, 0.0, seed), actions);
    squares += std::pow(test::center_error(refined.rig, rig), 2) / trials;
    stated += std::pow(refined.views[0].position_error, 2) / trials;
  }
  MESSAGE("position error ", std::sqrt(squares), " m, stated ", std::sqrt(stated), " m");
  CHECK(std::sqrt(squares / stated) > 0.7);
  CHECK(std::sqrt(squares / stated) < 1.4);
}

TEST_CASE("the error of refined cameras shrinks with the noise of the pixels") {
  const Rig rig = test::rig_around(2, 256);
  const Trajectory actions = test::random_motion(30, 3);
  const Rig given = align_rig(test::disturbed(rig, 0.03, 0.02), test::some_frame());
  for (const double noise : {1.0, 0.1, 0.01}) {
    const RefinedRig refined = refine_cameras(given, test::seen_pixels(rig, actions, noise), actions);
    CHECK(test::center_error(refined.rig, rig) < 0.02 * noise);
    CHECK(refined.views[0].rms_after < 2.0 * noise);
    CHECK(refined.views[0].rms_before > refined.views[0].rms_after);
  }
}

TEST_CASE("a fifth of wrong pixels and missing ones do not spoil the cameras") {
  const Rig rig = test::rig_around(3, 256);
  Trajectory actions = test::random_motion(30, 3);
  auto pixels = test::seen_pixels(rig, actions, 0.3, 0.2);
  for (std::size_t i = 0; i < pixels.seen.size(); i += 4) pixels.seen[i][i % 3].reset();
  actions[5].euler.x() = std::numeric_limits<double>::quiet_NaN();
  const Rig given = align_rig(test::disturbed(rig, 0.03, 0.02), test::some_frame());
  for (const Loss loss : {Loss::huber, Loss::cauchy}) {
    const RefinedRig refined = refine_cameras(given, pixels, actions, {.loss = loss});
    CHECK(test::center_error(refined.rig, rig) < 0.02);
    CHECK(test::turn_error(refined.rig, rig) < 0.03);
    CHECK(refined.views[0].inliers < refined.views[0].seen);
  }
}

TEST_CASE("points that are known roughly, or not at all, are refined with the cameras") {
  const Rig rig = test::rig_around(3, 256);
  const Trajectory actions = test::random_motion(30, 3);
  Trajectory rough = actions;
  std::mt19937 random(2);
  std::normal_distribution<double> normal(0.0, 0.003);
  for (Action& action : rough) action.position += Eigen::Vector3d(normal(random), normal(random), normal(random));
  const auto pixels = test::seen_pixels(rig, actions, 0.05);
  const Rig given = align_rig(test::disturbed(rig, 0.03, 0.02), test::some_frame());
  const double exact = test::center_error(refine_cameras(given, pixels, rough).rig, rig);
  for (const double point_error : {0.003, std::numeric_limits<double>::infinity()}) {
    const RefinedRig refined = refine_cameras(given, pixels, rough, {.pixel_error = 0.05, .point_error = point_error});
    CHECK(test::center_error(refined.rig, rig) < 0.02);
    CHECK(refined.views[0].rms_after < 0.2);
    double error = 0.0;
    for (std::size_t i = 0; i < refined.points.size(); ++i) {
      const ActionPoints truth = points_of(actions[i / 3]);
      error += (refined.points[i] - truth.col(static_cast<Eigen::Index>(i % 3))).norm();
    }
    MESSAGE("points off by ", error / static_cast<double>(refined.points.size()), " m, cameras without: ", exact);
    CHECK(error / static_cast<double>(refined.points.size()) < 0.004);
  }
}

TEST_CASE("cameras from action images are better than half a pixel of theirs") {
  const Rig rig = test::rig_around(2, 128);
  const Trajectory actions = test::random_motion(12, 3);
  for (const Convention convention : {Convention::paper, Convention::release}) {
    const auto images = encode(actions, rig, {.convention = convention});
    const auto pixels = point_pixels<std::uint8_t>(view_of(images), 0.05 * 128, convention);
    const Rig given = align_rig(test::disturbed(rig, 0.03, 0.02), test::some_frame());
    const RefinedRig refined = refine_cameras(given, pixels, actions, {.convention = convention});
    CHECK(test::center_error(refined.rig, rig) < 0.002);
    CHECK(refined.views[1].rms_after < 0.1);
  }
}

TEST_CASE("too few points, one view, moving cameras and other shapes are refused by name") {
  const Rig rig = test::rig_around(2, 64);
  const Trajectory actions = test::random_motion(3, 3);
  const auto pixels = test::seen_pixels(rig, actions);
  CHECK_THROWS_WITH_AS(
      refine_cameras(rig, test::seen_pixels(rig, {actions[0]}), {actions[0]}),
      "[codec::refine_cameras] pixels[0]: expected 4 points of finite actions or more (two frames), got 3",
      NumericalError);
  CHECK_THROWS_WITH_AS(refine_cameras(rig, pixels, {actions[0]}),
                       "[codec::refine_cameras] pixels: expected (2, 1, 7), got (2, 3, 7)", ShapeError);
  const Rig moving = Rig::moving({{rig[0], rig[1], rig[0]}, {rig[1]}});
  CHECK_THROWS_WITH_AS(refine_cameras(moving, pixels, actions),
                       "[codec::refine_cameras] rig: expected cameras that stand still, got cameras of 3 frames",
                       ValueError);
  const Rig one({rig[0]});
  CHECK_THROWS_WITH_AS(align_to_gripper(one, test::seen_pixels(one, actions), actions),
                       "[codec::align_to_gripper] rig: expected two views or more: the scale of one view cannot be "
                       "seen, got 1",
                       ValueError);
  const Rig twice({rig[0], rig[0]});
  CHECK_THROWS_AS(align_to_gripper(twice, test::seen_pixels(twice, actions), actions), NumericalError);
  CHECK_THROWS_AS(refine_cameras(rig, pixels, actions, {.pixel_error = 0.0}), ValueError);
}

TEST_CASE("a rig that moves is aligned as a whole") {
  const Trajectory actions = test::random_motion(5, 3);
  std::vector<Camera> wrist;
  for (int time = 0; time < 5; ++time) wrist.push_back(test::camera_around(0.1 * time, 256));
  const Rig rig = Rig::moving({wrist, {test::camera_around(1.2, 256)}});
  const auto pixels = test::seen_pixels(rig, actions);
  const AlignedRig aligned = align_to_gripper(align_rig(rig, test::some_frame()), pixels, actions);
  CHECK((aligned.rig.camera(0, 4).center() - wrist[4].center()).norm() < 1e-8);
}

TEST_CASE("the axes of a gripper tell the scale without its actions, with wrong pixels too") {
  for (const int views : {2, 3}) {
    const Rig rig = test::rig_around(views, 256);
    const Trajectory actions = test::random_motion(30, 3);
    const Rig estimated = align_rig(rig, test::some_frame());
    const AxisScale exact = scale_from_axes(estimated, test::seen_pixels(rig, actions));
    CHECK(exact.scale == doctest::Approx(1.0 / 0.37).epsilon(1e-9));
    CHECK(exact.angle == doctest::Approx(90.0));
    const AxisScale rough = scale_from_axes(estimated, test::seen_pixels(rig, actions, 0.5, 0.1));
    CHECK(rough.scale == doctest::Approx(1.0 / 0.37).epsilon(0.03));
  }
  const Rig rig = test::rig_around(1, 64);
  CHECK_THROWS_AS(scale_from_axes(rig, test::seen_pixels(rig, test::random_motion(2, 3))), NumericalError);
}

TEST_CASE("the pose of a camera is found from points and pixels alone, half of them wrong") {
  const Camera camera = test::camera_around(0.4, 256);
  std::mt19937 random(4);
  std::uniform_real_distribution<double> unit(-0.2, 0.2);
  std::vector<PointToPixel> pairs;
  for (int i = 0; i < 40; ++i) {
    const Eigen::Vector3d point(unit(random), unit(random), unit(random));
    pairs.push_back({point, *camera.project(point)});
    if (i % 5 < 2) pairs.back().pixel.array() += 400.0 * unit(random);
  }
  const auto located = locate_camera(camera.moved_to(Eigen::Matrix4d::Identity()), pairs);
  REQUIRE(located);
  CHECK((located->center() - camera.center()).norm() < 1e-6);
  CHECK_FALSE(locate_camera(camera, {pairs[0], pairs[1], pairs[2]}));
}
