// SPDX-License-Identifier: Apache-2.0
#include <action_images/codec/decode.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <doctest/doctest.h>

#include <action_images/codec/encode.hpp>

#include "scenes.hpp"

using namespace action_images;
using test::errors_of;

namespace {

constexpr Convention conventions[] = {Convention::paper, Convention::release};
constexpr double millimetre = 1e-3;
constexpr double degree = 3.14159265358979 / 180.0;

bool all_valid(const Decoded& decoded) {
  return std::all_of(decoded.valid.begin(), decoded.valid.end(), [](bool valid) { return valid; });
}

/// Frame t of every view becomes black.
void blank(Images<std::uint8_t>& images, std::size_t time) {
  const auto view = view_of(images);
  for (std::size_t v = 0; v < view.views; ++v) std::fill_n(view.frame(v, time), view.height * view.width * 3, 0);
}

}  // namespace

TEST_CASE(
    "decode after encode is the identity, for every convention, size, number of views and sign of the focal lengths") {
  for (const Convention convention : conventions) {
    for (const int size : {32, 64, 160}) {
      for (const int views : {2, 3, 4}) {
        const Rig rig = test::rig_around(views, size, views == 3 ? -1.0 : 1.0);
        const Trajectory actions = test::random_motion(8, static_cast<unsigned>(size + views));
        const Decoded decoded =
            decode(encode(actions, rig, {.convention = convention}), rig, {.convention = convention});
        const auto errors = errors_of(decoded, actions, convention == Convention::release);
        CAPTURE(size);
        CAPTURE(views);
        CHECK(all_valid(decoded));
        CHECK(errors.mean_position < (size < 64 ? 0.1 : 0.05) * millimetre);
        CHECK(errors.rotation < 0.1 * degree);
        CHECK(errors.openness < 0.01);
        CHECK(*std::min_element(decoded.confidence.begin(), decoded.confidence.end()) > 0.95);
      }
    }
  }
}

TEST_CASE("decode recovers a 7-DoF action within 0.01 mm at 512 px") {
  const Rig rig = test::rig_around(2, 512);
  const Trajectory actions = test::random_motion(6, 11);
  const auto errors = errors_of(decode(encode(actions, rig), rig), actions, false);
  CHECK(errors.mean_position < 0.01 * millimetre);
  CHECK(errors.rotation < 0.02 * degree);
}

TEST_CASE("float images are read as well, with a continuous openness") {
  const Rig rig = test::rig_around(2, 64);
  const Trajectory actions = test::random_motion(9, 12);
  const auto errors = errors_of(decode(encode<float>(actions, rig), rig), actions, false);
  CHECK(errors.mean_position < 1e-3 * millimetre);
  CHECK(errors.openness < 1e-5);
}

TEST_CASE("half a pixel lost between the conventions would show: it moves the gripper by a millimetre") {
  const Rig rig = test::rig_around(2, 64);
  const Trajectory actions = test::random_motion(6, 13);
  auto images = encode(actions, rig, {.convention = Convention::release});
  const auto right = errors_of(decode(images, rig, {.convention = Convention::release}), actions, true);
  CHECK(right.mean_position < 0.05 * millimetre);
  const Decoded mixed = decode(images, rig, {.convention = Convention::paper, .min_confidence = 0.0});
  CHECK(errors_of(mixed, actions, true).mean_position > 1.0 * millimetre);
}

TEST_CASE("noise of four grey levels costs less than half a millimetre") {
  for (const int size : {64, 128}) {
    const Rig rig = test::rig_around(2, size);
    const Trajectory actions = test::random_motion(12, 14);
    auto images = encode(actions, rig);
    test::add_noise(images, 4.0);
    const Decoded decoded = decode(images, rig);
    const auto errors = errors_of(decoded, actions, false);
    CHECK(all_valid(decoded));
    CHECK(errors.mean_position < 0.5 * millimetre);
    CHECK(errors.openness < 0.05);
  }
}

TEST_CASE("blurred, weaker and noisy blobs are still found, with less confidence") {
  const Rig rig = test::rig_around(2, 64);
  const Trajectory actions = test::random_motion(12, 15);
  auto images = test::blurred(encode(actions, rig), 2, 0.8);
  test::add_noise(images, 6.0);
  const Decoded decoded = decode(images, rig);
  CHECK(all_valid(decoded));
  CHECK(errors_of(decoded, actions, false).mean_position < 1.0 * millimetre);
  const Decoded clean = decode(encode(actions, rig), rig);
  for (std::size_t t = 0; t < actions.size(); ++t) CHECK(decoded.confidence[t] < clean.confidence[t]);
}

TEST_CASE("a closed and an open gripper are told apart under noise") {
  const Rig rig = test::rig_around(2, 64);
  for (const Convention convention : conventions) {
    Trajectory actions = test::random_motion(6, 16);
    for (std::size_t t = 0; t < actions.size(); ++t) actions[t].openness = t % 2 == 0 ? 1.0 : 0.0;
    auto images = encode(actions, rig, {.convention = convention});
    test::add_noise(images, 10.0);
    CHECK(errors_of(decode(images, rig, {.convention = convention}), actions, true).openness < 0.2);
  }
}

TEST_CASE(
    "another threshold of the background and another sigma are read as they were drawn; pictures need not be square") {
  std::vector<Camera> cameras;
  for (const double azimuth : {0.2, 1.6}) {
    const Camera square = test::camera_around(azimuth, 128);
    cameras.emplace_back(square.intrinsics(), square.world_from_camera().matrix(), 150, 120);
  }
  const Rig rig(cameras);
  const Trajectory actions = test::random_motion(6, 22);
  for (const double threshold : {0.15, 0.4}) {
    const auto images = encode(actions, rig, {.sigma = 4.0, .axis_length = 0.08, .threshold = threshold});
    const Decoded decoded = decode(images, rig, {.sigma = 4.0, .axis_length = 0.08, .threshold = threshold});
    const auto errors = errors_of(decoded, actions, false);
    CHECK(errors.mean_position < 0.05 * millimetre);
    CHECK(errors.openness < 0.02);
  }
  CHECK_THROWS_WITH_AS(encode(actions, rig, {.threshold = 1.0}),
                       "[codec::encode] threshold: expected a number between 0 and 1, got 1", ValueError);
}

TEST_CASE("the order of the views does not matter") {
  const Rig rig = test::rig_around(3, 64);
  const Rig reversed({rig[2], rig[1], rig[0]});
  const Trajectory actions = test::random_motion(6, 17);
  const Decoded first = decode(encode(actions, rig), rig);
  const Decoded second = decode(encode(actions, reversed), reversed);
  for (std::size_t t = 0; t < actions.size(); ++t) {
    CHECK((first.actions[t].position - second.actions[t].position).norm() < 1e-12);
    CHECK(first.confidence[t] == doctest::Approx(second.confidence[t]));
  }
}

TEST_CASE("with three views, one that contradicts the others hardly counts") {
  const Rig rig = test::rig_around(3, 64);
  const Trajectory actions = test::random_motion(6, 18);
  auto images = encode(actions, rig);
  const auto wrong = encode(test::random_motion(6, 19), rig);
  const std::size_t view_size = images.size() / 3;
  std::copy_n(wrong.data() + 2 * view_size, view_size, images.data() + 2 * view_size);
  const Decoded decoded = decode(images, rig, {.min_confidence = 0.0});
  int right = 0;
  for (std::size_t t = 0; t < actions.size(); ++t) {
    right += (decoded.actions[t].position - actions[t].position).norm() < 5 * millimetre;
    CHECK(decoded.confidence[t] < 0.9);
  }
  CHECK(right == 6);
}

TEST_CASE("points are position, normal and up") {
  const Rig rig = test::rig_around(2, 64);
  const Trajectory actions = test::random_motion(3, 20);
  for (const Convention convention : conventions) {
    const Decoded decoded = decode(encode(actions, rig, {.convention = convention}), rig, {.convention = convention});
    for (std::size_t t = 0; t < actions.size(); ++t) {
      const Eigen::Map<const Eigen::Matrix3d> points(&decoded.points(t, 0, 0));  // a column each
      CHECK((points - points_of(actions[t])).cwiseAbs().maxCoeff() < 0.2 * millimetre);
    }
  }
}

TEST_CASE("an undecodable frame is interpolated with confidence 0, or NaN without fill") {
  const Rig rig = test::rig_around(2, 64);
  Trajectory actions = test::random_motion(4, 21);
  auto images = encode(actions, rig);
  blank(images, 1);
  blank(images, 3);
  const Decoded filled = decode(images, rig);
  CHECK(filled.confidence[1] == 0.0);
  CHECK_FALSE(filled.valid[1]);
  const Eigen::Vector3d middle = 0.5 * (actions[0].position + actions[2].position);
  CHECK((filled.actions[1].position - middle).norm() < 0.1 * millimetre);
  CHECK(filled.actions[1].openness == 0.0);  // black background: closed
  CHECK((filled.actions[3].position - actions[2].position).norm() < 0.1 * millimetre);
  CHECK(std::isnan(decode(images, rig, {.fill = false}).actions[1].position.x()));
}

TEST_CASE("if nothing can be decoded, confidence is 0 and positions are NaN") {
  const Rig rig = test::rig_around(2, 32);
  Images<std::uint8_t> images = Images<std::uint8_t>::from_shape({2, 3, 32, 32, 3});
  for (const int background : {0, 64, 255}) {
    std::fill_n(images.data(), images.size(), static_cast<std::uint8_t>(background));
    test::add_noise(images, 5.0);
    const Decoded decoded = decode(images, rig);
    for (std::size_t t = 0; t < 3; ++t) {
      CHECK(decoded.confidence[t] == 0.0);
      CHECK(std::isnan(decoded.actions[t].position.x()));
      CHECK(std::isnan(decoded.points(t, 2, 1)));
    }
  }
}

TEST_CASE("one view decodes at a known depth") {
  const Rig rig({test::camera_around(0.3, 256)});
  Trajectory actions{{{0.02, 0.03, 0.1}, {2.9, 0.4, 0.8}, 1.0}};
  const double depth = (rig[0].camera_from_world() * actions[0].position).z();
  const auto images = encode(actions, rig);
  const auto errors = errors_of(decode(images, rig, {.depth = depth}), actions, false);
  CHECK(errors.mean_position < 0.1 * millimetre);
  CHECK(errors.rotation < 1.0 * degree);
  CHECK_THROWS_WITH_AS(
      decode(images, rig),
      "[codec::decode] rig: expected at least two views, or one view and a depth or a plane, got one view and neither",
      ValueError);
}

TEST_CASE("images that are not the rig's are refused") {
  const Rig rig = test::rig_around(2, 32);
  CHECK_THROWS_WITH_AS(decode(Images<float>::from_shape({2, 5, 32, 16, 3}), rig),
                       "[codec::decode] images: expected (2, T, 32, 32, 3), got (2, 5, 32, 16, 3)", ShapeError);
  CHECK_THROWS_AS(decode(Images<float>::from_shape({2, 5, 32, 32, 4}), rig), ShapeError);
  Images<float> images = encode<float>(Trajectory(1), rig);
  images(1, 0, 3, 3, 1) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH_AS(decode(images, rig), doctest::Contains("images: expected finite values in [0, 1], got"),
                       ValueError);
  images(1, 0, 3, 3, 1) = 255.0F;
  CHECK_THROWS_AS(decode(images, rig), ValueError);
  for (const auto& [bound, beyond] : {std::pair{-0.5F, -1.0F}, {1.5F, 2.0F}}) {
    images(1, 0, 3, 3, 1) = bound;
    CHECK_NOTHROW(decode(images, rig));
    images(1, 0, 3, 3, 1) = std::nextafter(bound, beyond);
    CHECK_THROWS_AS(decode(images, rig), ValueError);
  }
}
