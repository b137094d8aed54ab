// SPDX-License-Identifier: Apache-2.0
// What the decoder makes of several views: which it believes, how sure it is, and what it says of each.
#include <action_images/codec/decode.hpp>

#include <algorithm>
#include <cmath>
#include <random>

#include <doctest/doctest.h>

#include <action_images/codec/encode.hpp>

#include "scenes.hpp"

using namespace action_images;
using test::errors_of;

namespace {

constexpr double millimetre = 1e-3;

/// Draws a second blob into one channel of a picture, the larger value of both.
void add_ghost(Images<std::uint8_t>& images, std::array<std::size_t, 3> view_time_channel, Eigen::Vector2d pixel,
               double height) {
  const auto view = view_of(images);
  std::uint8_t* const picture = view.frame(view_time_channel[0], view_time_channel[1]);
  const double sigma = 0.05 * static_cast<double>(std::min(view.width, view.height));
  for (std::size_t row = 0; row < view.height; ++row) {
    for (std::size_t column = 0; column < view.width; ++column) {
      const Eigen::Vector2d centre(static_cast<double>(column) + 0.5, static_cast<double>(row) + 0.5);
      const double response = height * std::exp(-0.5 * (centre - pixel).squaredNorm() / (sigma * sigma));
      std::uint8_t& value = picture[(row * view.width + column) * 3 + view_time_channel[2]];
      value = std::max(value, static_cast<std::uint8_t>(std::lround(255.0 * response)));
    }
  }
}

void erase(Images<std::uint8_t>& images, std::size_t view, std::size_t time, std::size_t channel) {
  const auto all = view_of(images);
  for (std::size_t i = channel; i < all.height * all.width * 3; i += 3) all.frame(view, time)[i] = 0;
}

}  // namespace

TEST_CASE(
    "a brighter ghost in one of two views is told from the blob: it does not meet the other view, or no gripper") {
  const Rig rig = test::rig_around(2, 128);
  const Trajectory actions = test::random_motion(8, 31);
  auto images = encode(actions, rig);
  const auto view = view_of(images);
  for (std::size_t t = 0; t < actions.size(); ++t) {  // the true blob becomes weaker than the ghost
    std::uint8_t* const picture = view.frame(0, t);
    for (std::size_t i = 0; i < 128 * 128; ++i) picture[3 * i] = static_cast<std::uint8_t>(0.7 * picture[3 * i]);
    const auto pixel = rig[0].project(actions[t].position).value();
    add_ghost(images, {0, t, 0}, {pixel.x() < 64 ? 105 : 22, pixel.y() < 64 ? 105 : 22}, 0.95);
  }
  const Decoded decoded = decode(images, rig);
  int right = 0;
  for (std::size_t t = 0; t < actions.size(); ++t) {
    right += (decoded.actions[t].position - actions[t].position).norm() < 1.0 * millimetre;
  }
  CHECK(right >= 7);
}

TEST_CASE("a blob that is missing in one of three views is found from the others, which are named") {
  const Rig rig = test::rig_around(3, 128);
  const Trajectory actions = test::random_motion(4, 32);
  auto images = encode(actions, rig);
  erase(images, 1, 2, 0);
  const Decoded decoded = decode(images, rig);
  CHECK(errors_of(decoded, actions, false).mean_position < 0.1 * millimetre);
  CHECK(decoded.used(2, 0, 0));
  CHECK_FALSE(decoded.used(2, 0, 1));
  CHECK(decoded.used(2, 0, 2));
  CHECK(std::isnan(decoded.reprojection_error(2, 0, 1)));
  CHECK(std::isnan(decoded.pixels(2, 0, 1, 0)));
  CHECK(decoded.used(1, 0, 1));
  CHECK(decoded.reprojection_error(1, 0, 1) < 0.1);
}

TEST_CASE("of four views one that shows something else is left out, and its error is reported") {
  const Rig rig = test::rig_around(4, 128);
  const Trajectory actions = test::random_motion(5, 33);
  auto images = encode(actions, rig);
  const auto wrong = encode(test::random_motion(5, 34), rig);
  const std::size_t view_size = images.size() / 4;
  std::copy_n(wrong.data() + 2 * view_size, view_size, images.data() + 2 * view_size);
  const Decoded decoded = decode(images, rig);
  CHECK(errors_of(decoded, actions, false).mean_position < 0.1 * millimetre);
  for (std::size_t t = 0; t < actions.size(); ++t) {
    CHECK_FALSE(decoded.used(t, 0, 2));
    CHECK(decoded.reprojection_error(t, 0, 2) > 3.0);
  }
}

TEST_CASE("two to sixteen views, standing or moving, pinholes or lenses, give the action back") {
  const Distortion lens(LensModel::brown_conrady, {-0.1, 0.05, 1e-3, -1e-3, 0.01});
  for (const int views : {2, 5, 16}) {
    const Trajectory actions = test::random_motion(4, 35);
    std::vector<std::vector<Camera>> cameras(static_cast<std::size_t>(views));
    for (int view = 0; view < views; ++view) {
      for (int t = 0; t < 4; ++t) {
        const Camera still = test::camera_around(0.37 * view + (view % 2) * 0.05 * t, 96);
        cameras[static_cast<std::size_t>(view)].emplace_back(still.intrinsics(), still.world_from_camera().matrix(), 96,
                                                             96, view % 3 == 0 ? lens : Distortion());
      }
    }
    const Rig rig = Rig::moving(cameras);
    const Decoded decoded = decode(encode(actions, rig), rig);
    CAPTURE(views);
    CHECK(errors_of(decoded, actions, false).mean_position < 0.05 * millimetre);
    CHECK(decoded.views() == static_cast<std::size_t>(views));
  }
}

TEST_CASE("covariances are those of the errors under noise") {
  const Rig rig = test::rig_around(3, 128);
  const Trajectory actions = test::random_motion(60, 36);
  auto images = encode(actions, rig);
  test::add_noise(images, 8.0);
  const Decoded decoded = decode(images, rig);
  double squares = 0.0;
  for (std::size_t t = 0; t < actions.size(); ++t) {
    const Eigen::Vector3d error = 1e3 * (decoded.actions[t].position - actions[t].position);
    const Eigen::Map<const Eigen::Matrix3d> covariance(&decoded.covariance(t, 0, 0, 0));
    squares += error.dot(covariance.inverse() * error) / static_cast<double>(actions.size());
  }
  CHECK(squares > 1.0);
  CHECK(squares < 6.0);
}

TEST_CASE("confidence falls with the disagreement of the views") {
  const Rig rig = test::rig_around(2, 128);
  const Trajectory actions = test::random_motion(6, 37);
  double before = 1.0;
  for (const double pixels : {0.5, 4.0, 12.0}) {
    std::vector<Camera> shifted{rig[0], rig[1]};
    Eigen::Matrix3d intrinsics = rig[1].intrinsics();
    intrinsics(1, 2) += pixels;
    shifted[1] = Camera(intrinsics, rig[1].world_from_camera().matrix(), 128, 128);
    const Decoded decoded = decode(encode(actions, rig), Rig(shifted), {.min_confidence = 0.0});
    double mean = 0.0;
    for (const double confidence : decoded.confidence) mean += confidence / 6.0;
    CHECK(mean < before);
    before = mean;
  }
  CHECK(before < 0.5);
}

TEST_CASE("any number of threads gives the same bits") {
  const Rig rig = test::rig_around(2, 256);
  const Trajectory actions = test::random_motion(9, 38);
  auto images = encode(actions, rig);
  test::add_noise(images, 5.0);
  for (const DecodeMethod method : {DecodeMethod::robust, DecodeMethod::paper, DecodeMethod::release}) {
    const Decoded one = decode(images, rig, {.method = method, .threads = 1});
    const Decoded three = decode(images, rig, {.method = method, .threads = 3});
    CHECK(one.points == three.points);
    CHECK(one.confidence == three.confidence);
  }
}

TEST_CASE("the decoders of the paper and the release are there to compare: right to their steps and pixels") {
  const Rig rig = test::rig_around(2, 128);
  const Trajectory actions = test::random_motion(6, 39);
  for (const auto& [method, convention] :
       {std::pair{DecodeMethod::paper, Convention::paper}, std::pair{DecodeMethod::release, Convention::release}}) {
    const auto images = encode(actions, rig, {.convention = convention});
    const DecodeOptions options{.convention = convention, .method = method, .near = 0.3, .far = 1.5};
    const double error = errors_of(decode(images, rig, options), actions, true).mean_position;
    CHECK(error < 30.0 * millimetre);
    CHECK(error > 0.1 * millimetre);
  }
  CHECK_THROWS_WITH_AS(decode(encode(actions, rig), rig, {.near = 2.0}),
                       "[codec::decode] near, far: expected 0 < near < far, got 2, 1", ValueError);
  CHECK_THROWS_AS(decode(encode(actions, rig), rig, {.samples = 1}), ValueError);
  CHECK_THROWS_AS(decode_method_from_name("best"), ValueError);
}

TEST_CASE("one view decodes on a known plane") {
  const Rig rig({test::camera_around(0.3, 256)});
  Trajectory actions = test::random_motion(4, 40);
  for (Action& action : actions) action = {{action.position.x(), action.position.y(), 0.08}, {2.9, 0.4, 0.8}, 1.0};
  const Eigen::Vector4d plane(0, 0, 2.0, -0.16);
  const auto errors = errors_of(decode(encode(actions, rig), rig, {.plane = plane}), actions, false);
  CHECK(errors.mean_position < 0.1 * millimetre);
  CHECK_THROWS_WITH_AS(decode(encode(actions, rig), rig, {.plane = Eigen::Vector4d::UnitW()}),
                       doctest::Contains("plane: expected four finite numbers with a normal not 0"), ValueError);
}
