// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <action_images/calibration/doctor.hpp>
#include <action_images/calibration/doctor_text.hpp>
#include <action_images/codec/encode.hpp>

#include "../codec/scenes.hpp"

using namespace action_images;

namespace {

/// Cameras around a table whose lines of sight miss each other by some centimetres.
Rig random_rig(unsigned seed, std::size_t views, int size = 96) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> unit(-1.0, 1.0);
  std::vector<Camera> cameras;
  const double first = 3.0 * unit(random);
  for (std::size_t view = 0; view < views; ++view) {
    const double azimuth = first + static_cast<double>(view) * (0.7 + 0.3 * unit(random));
    const double elevation = 0.7 + 0.4 * unit(random);
    const Eigen::Vector3d position =
        (0.8 + 0.3 * unit(random)) * Eigen::Vector3d(std::cos(azimuth) * std::cos(elevation),
                                                     std::sin(azimuth) * std::cos(elevation), std::sin(elevation));
    const Eigen::Vector3d target = 0.02 * Eigen::Vector3d(unit(random), unit(random), unit(random));
    const Eigen::Vector3d forward = (target - position).normalized();
    const Eigen::Vector3d right = forward.cross(Eigen::Vector3d::UnitZ()).normalized();
    Eigen::Matrix4d pose = Eigen::Matrix4d::Identity();
    pose.topLeftCorner<3, 4>() << right, forward.cross(right), forward, position;
    const double focal = (1.2 + 0.2 * unit(random)) * size;
    Eigen::Matrix3d intrinsics;
    intrinsics << focal, 0, size * (0.5 + 0.03 * unit(random)), 0, focal * (1.0 + 0.02 * unit(random)),
        size * (0.5 + 0.03 * unit(random)), 0, 0, 1;
    cameras.emplace_back(intrinsics, pose, size, size);
  }
  return Rig(cameras);
}

Trajectory motion_near_origin(unsigned seed) {
  Trajectory actions = test::random_motion(6, seed);
  for (Action& action : actions) action.position.z() -= 0.1;
  return actions;
}

/// The rig with some views given wrong, so that `corrected` with the mix-up makes it right again.
Rig given_wrong(const Rig& rig, Mixup mixup, const std::vector<std::size_t>& views) {
  std::vector<Camera> cameras;
  for (std::size_t view = 0; view < rig.size(); ++view) cameras.push_back(rig[view]);
  for (const std::size_t view : views) {
    const Camera& camera = rig[view];
    const Eigen::Matrix4d& pose = camera.world_from_camera().matrix();
    Eigen::Matrix3d intrinsics = camera.intrinsics();
    Eigen::Matrix4d moved = pose;
    if (mixup == Mixup::ros_axes) moved = pose_to_axes(pose, CameraAxes::ros);
    if (mixup == Mixup::millimetres) moved.topRightCorner<3, 1>() *= 1000.0;
    if (mixup == Mixup::resolution) intrinsics.topRows<2>() *= 2.0;
    const bool by_hand = mixup == Mixup::ros_axes || mixup == Mixup::millimetres || mixup == Mixup::resolution;
    cameras[view] = by_hand ? Camera(intrinsics, moved, camera.width(), camera.height()) : *corrected(camera, mixup);
  }
  return Rig(cameras);
}

std::vector<std::size_t> all_views(const Rig& rig) {
  std::vector<std::size_t> views;
  for (std::size_t view = 0; view < rig.size(); ++view) views.push_back(view);
  return views;
}

std::string names_of(const std::vector<Finding>& findings) {
  std::string names;
  for (const Finding& finding : findings) names += (names.empty() ? "" : " ") + finding.name;
  return names;
}

std::string diagnosed(const Rig& rig, const Images<std::uint8_t>& images, const std::optional<Trajectory>& actions,
                      Convention convention = Convention::paper) {
  return names_of(doctor(rig, view_of(images), actions, {.convention = convention}).warnings);
}

}  // namespace

TEST_CASE("nothing is said against cameras that are right") {
  for (unsigned seed = 0; seed < 300; ++seed) {
    const Rig rig = random_rig(seed, 2 + seed % 4);
    CHECK(names_of(doctor(rig).warnings) == "");
    CHECK(names_of(doctor(rig.relative_to_first()).warnings) == "");
    const Diagnosis mirrored = doctor(rig.mirrored());
    CHECK(names_of(mirrored.warnings) == "");
    CHECK(names_of(mirrored.notes) == "negative_focal");
  }
}

TEST_CASE("parallel stereo cameras and a single one are right too") {
  Eigen::Matrix3d intrinsics;
  intrinsics << 80, 0, 32, 0, 80, 32, 0, 0, 1;
  Eigen::Matrix4d pose = Eigen::Matrix4d::Identity();
  std::vector<Camera> cameras{{intrinsics, pose, 64, 64}};
  CHECK(names_of(doctor(Rig(cameras)).warnings) == "");
  pose(0, 3) = 0.06;
  cameras.emplace_back(intrinsics, pose, 64, 64);
  CHECK(names_of(doctor(Rig(cameras)).warnings) == "");
  CHECK(doctor(Rig(cameras)).pairs[0].baseline == doctest::Approx(0.06));
}

TEST_CASE("nothing is said against images that are right, noisy or not, with and without their actions") {
  for (unsigned seed = 0; seed < 12; ++seed) {
    const Rig rig = random_rig(seed, 2 + seed % 3);
    const Trajectory actions = motion_near_origin(seed);
    const Convention convention = seed % 2 == 0 ? Convention::paper : Convention::release;
    auto images = encode(actions, rig, {.convention = convention});
    CHECK(diagnosed(rig, images, actions, convention) == "");
    CHECK(diagnosed(rig, images, {}, convention) == "");
    test::add_noise(images, 6.0);
    CHECK(diagnosed(rig, images, actions, convention) == "");
    CHECK(diagnosed(rig, images, {}, convention) == "");
  }
}

TEST_CASE("with actions every mix-up of the cameras is named, of all views or of one") {
  for (unsigned seed = 0; seed < 6; ++seed) {
    const Rig rig = random_rig(seed, 2 + seed % 2);
    const Trajectory actions = motion_near_origin(seed);
    const auto images = encode(actions, rig);
    for (const Mixup mixup : all_mixups) {
      CAPTURE(name_of(mixup));
      CHECK(diagnosed(given_wrong(rig, mixup, all_views(rig)), images, actions) == name_of(mixup));
      const auto of_one = doctor(given_wrong(rig, mixup, {1}), view_of(images), actions).warnings;
      REQUIRE(of_one.size() == 1);
      CHECK(of_one[0].name == name_of(mixup));
      CHECK(of_one[0].views == std::vector<std::size_t>{1});
    }
  }
}

TEST_CASE("without actions mix-ups that the views contradict are named") {
  for (unsigned seed = 0; seed < 4; ++seed) {
    const Rig rig = random_rig(seed, 3);
    const auto images = encode(motion_near_origin(seed), rig);
    for (const Mixup mixup : {Mixup::opengl_axes, Mixup::ros_axes, Mixup::inverted_extrinsics, Mixup::millimetres,
                              Mixup::transposed, Mixup::resolution}) {
      CAPTURE(name_of(mixup));
      CHECK(diagnosed(given_wrong(rig, mixup, all_views(rig)), images, {}) == name_of(mixup));
    }
  }
}

TEST_CASE(
    "with actions the convention, the channels and the pixel grid are told apart, beside mix-ups of the cameras") {
  const Rig rig = random_rig(5, 2);
  const Trajectory actions = motion_near_origin(5);
  for (const Convention convention : {Convention::paper, Convention::release}) {
    const Convention other = convention == Convention::paper ? Convention::release : Convention::paper;
    const auto images = encode(actions, rig, {.convention = other});
    CHECK(diagnosed(rig, images, actions, convention) == "convention");
    CHECK(diagnosed(given_wrong(rig, Mixup::opengl_axes, {0, 1}), images, actions, convention) ==
          "convention opengl_axes");
    auto exchanged = encode(actions, rig, {.convention = convention});
    for (std::size_t i = 0; i < exchanged.size(); i += 3) std::swap(exchanged.data()[i + 1], exchanged.data()[i + 2]);
    CHECK(diagnosed(rig, exchanged, actions, convention) == "channels");
    for (std::size_t i = 0; i < exchanged.size(); i += 3) std::swap(exchanged.data()[i + 1], exchanged.data()[i + 2]);
  }
  const auto text = doctor(rig, view_of(encode(actions, rig, {.convention = Convention::release})), actions).warnings;
  CHECK(text[0].text == "the images follow \"release\", not \"paper\"");
}

TEST_CASE("without actions the pixel grid of clean images tells the convention") {
  for (unsigned seed = 0; seed < 4; ++seed) {
    const Rig rig = random_rig(seed, 2);
    const auto images = encode(motion_near_origin(seed), rig, {.convention = Convention::release});
    CHECK(diagnosed(rig, images, {}) == "convention");
  }
}

TEST_CASE("views in another order are named, with the order") {
  const Rig rig = random_rig(8, 3);
  const Trajectory actions = motion_near_origin(8);
  const auto images = encode(actions, Rig({rig[2], rig[0], rig[1]}));
  for (const auto& known : {std::optional(actions), std::optional<Trajectory>()}) {
    const auto warnings = doctor(rig, view_of(images), known).warnings;
    REQUIRE(names_of(warnings) == "view_order");
    CHECK(warnings[0].text == "the views are in another order: their pictures are of the cameras 2, 0, 1");
  }
}

TEST_CASE("errors, lengths and the angle are those that the images show") {
  const Rig rig = random_rig(2, 2);
  const Trajectory actions = motion_near_origin(2);
  const auto images = encode(actions, rig, {.axis_length = 0.08});
  const Diagnosis diagnosis = doctor(rig, view_of(images), actions, {.axis_length = 0.08});
  REQUIRE(diagnosis.errors.size() == 6);
  for (const PointError& entry : diagnosis.errors) CHECK(entry.error.median < 0.05);
  CHECK(diagnosis.shape->normal_length == doctest::Approx(0.08).epsilon(0.01));
  CHECK(diagnosis.shape->up_length == doctest::Approx(0.08).epsilon(0.01));
  CHECK(diagnosis.shape->angle == doctest::Approx(90.0).epsilon(0.01));
  CHECK(diagnosis.fits.front().name == "as_given");
}

TEST_CASE("images of something else are called unexplained, and empty ones without peaks") {
  const Rig rig = random_rig(3, 2);
  auto images = encode(motion_near_origin(3), rig);
  CHECK(diagnosed(rig, images, motion_near_origin(99)) == "unexplained");
  std::fill(images.begin(), images.end(), std::uint8_t{0});
  CHECK(diagnosed(rig, images, {}) == "no_peaks");
}

TEST_CASE("the cameras alone tell OpenGL's axes, and hardly ever take one mix-up of the poses for another") {
  for (const Mixup mixup : {Mixup::opengl_axes, Mixup::ros_axes, Mixup::inverted_extrinsics}) {
    int named = 0, silent = 0;
    for (unsigned seed = 0; seed < 100; ++seed) {
      const Rig rig = random_rig(seed, 3);
      const std::string names = names_of(doctor(given_wrong(rig, mixup, all_views(rig))).warnings);
      named += names == name_of(mixup) ? 1 : 0;
      silent += names.empty() ? 1 : 0;  // the up axes of cameras around a table meet above it, for example
    }
    CAPTURE(name_of(mixup));
    CHECK(named + silent >= 95);
    CHECK(named >= (mixup == Mixup::opengl_axes ? 98 : 30));
  }
}

TEST_CASE("the cameras alone tell wrong intrinsics, millimetres and cameras at one place") {
  const Rig rig = random_rig(4, 2, 128);
  const auto with_intrinsics = [&](const Eigen::Matrix3d& change) {
    std::vector<Camera> cameras;
    for (const Camera& camera : rig) {
      cameras.emplace_back(change * camera.intrinsics(), camera.world_from_camera().matrix(), 128, 128);
    }
    return doctor(Rig(cameras)).warnings;
  };
  const auto diagonal = [](double x, double y) -> Eigen::Matrix3d { return Eigen::Vector3d(x, y, 1).asDiagonal(); };
  const auto twice = with_intrinsics(diagonal(2, 2));
  CHECK(names_of(twice) == "resolution");
  CHECK(twice[0].text.find("not that of 128 x 128 pictures but of 256 x 256:") != std::string::npos);
  CHECK(names_of(with_intrinsics(diagonal(640.0 / 128, 640.0 / 128))).find("resolution") == std::string::npos);
  Eigen::Matrix3d shift = Eigen::Matrix3d::Identity();
  shift(0, 2) = 26.0;
  CHECK(names_of(with_intrinsics(shift)) == "principal_point");
  Eigen::Matrix3d wide = Eigen::Matrix3d::Identity();
  wide(0, 0) = 1.3, wide(0, 2) = -0.3 * 64;
  CHECK(names_of(with_intrinsics(wide)) == "focal_ratio");
  Eigen::Matrix3d mirror = Eigen::Matrix3d::Identity();
  mirror(0, 0) = -1.0, mirror(0, 2) = 128.0;
  CHECK(names_of(with_intrinsics(mirror)) == "mixed_signs");
  CHECK(names_of(doctor(given_wrong(rig, Mixup::millimetres, {0, 1})).warnings) == "millimetres");
  CHECK(names_of(doctor(Rig({rig[0], rig[0]})).warnings) == "same_place");
}

TEST_CASE("the precision foretold is that of points triangulated from noisy pixels") {
  const Rig rig = random_rig(6, 2);
  const Diagnosis diagnosis = doctor(rig, DoctorOptions{.distances = {0.7}});
  const auto cameras = detail::first_cameras(rig);
  const Ray middle = detail::middle_sight(cameras);
  const Eigen::Vector3d point = middle.origin + 0.7 * middle.direction;
  std::mt19937 random(1);
  std::normal_distribution<double> noise(0.0, 0.05);
  double squares = 0.0;
  constexpr int trials = 4000;
  for (int i = 0; i < trials; ++i) {
    std::vector<Sighting> sightings;
    for (const Camera& camera : cameras) {
      sightings.push_back({&camera, *camera.project(point) + Eigen::Vector2d(noise(random), noise(random))});
    }
    const double along = middle.direction.dot(*intersect_rays(sightings) - point);
    squares += along * along / trials;
  }
  CHECK(1e3 * std::sqrt(squares) == doctest::Approx(0.05 * diagnosis.precision[0].depth).epsilon(0.06));
  CHECK(diagnosis.pairs[0].precision[0].depth == diagnosis.precision[0].depth);
}

TEST_CASE("the report has a line for every view and pair, and every warning in a sentence") {
  const Rig rig = random_rig(1, 3);
  const Diagnosis well = doctor(rig);
  const std::string text = report_of(well);
  for (const char* part : {"\n0  ", "\n2  ", "\n1, 2", "at 0.750 m", "No warnings.\n"}) {
    CAPTURE(part);
    CHECK(text.find(part) != std::string::npos);
  }
  const std::string wrong = report_of(doctor(given_wrong(rig, Mixup::opengl_axes, {0, 1, 2})));
  CHECK(wrong.find("Warning [opengl_axes]: all views: the pose has the axes of OpenGL") != std::string::npos);
  CHECK(report_of(doctor(Rig({rig[0]}))).find("One view: it tells no depth.") != std::string::npos);
}

TEST_CASE("a doctor's bad input is refused") {
  const Rig rig = random_rig(1, 2);
  const auto images = encode(motion_near_origin(1), rig);
  CHECK_THROWS_WITH_AS(doctor(rig, view_of(images), Trajectory(3)),
                       "[codec::doctor] images: expected (2, 3, 96, 96, 3), got (2, 6, 96, 96, 3)", ShapeError);
  CHECK_THROWS_WITH_AS(doctor(rig, DoctorOptions{.distances = {0.0}}),
                       "[codec::doctor] distances: expected positive numbers of metres, got 0", ValueError);
  CHECK_THROWS_AS(doctor(rig, DoctorOptions{.axis_length = -1.0}), ValueError);
  CHECK_THROWS_AS(doctor(rig, DoctorOptions{.most_frames = 0}), ValueError);
}
