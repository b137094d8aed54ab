// SPDX-License-Identifier: Apache-2.0
#include <action_images/codec/encode.hpp>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "scenes.hpp"

using namespace action_images;

namespace {

/// The definition, pixel by pixel. Paper Eq. 1-5.
double expected_response(const PixelPoints& points, std::size_t channel, double x, double y, double sigma,
                         double openness, Convention convention) {
  const PixelLayout layout = layout_of(convention);
  const auto& pixel = points[static_cast<std::size_t>(layout.point_of_channel[channel])];
  const Eigen::Vector2d here(x + layout.pixel_offset, y + layout.pixel_offset);
  const double response = pixel ? std::exp(-(here - *pixel).squaredNorm() / (2 * sigma * sigma)) : 0.0;
  if (layout.binary_openness) openness = openness > 0.5 ? 1.0 : 0.0;
  return channel < 2 || response > 0.25 ? response : 0.25 * openness;
}

}  // namespace

TEST_CASE("every pixel is what the paper's equations say, in both conventions and both pixel types") {
  const Rig rig = test::rig_around(2, 48, -1.0);
  const Trajectory actions = test::random_motion(4, 5);
  for (const Convention convention : {Convention::paper, Convention::release}) {
    const auto levels = encode(actions, rig, {.convention = convention});
    const auto responses = encode<float>(actions, rig, {.convention = convention});
    for (std::size_t i = 0; i < levels.size(); ++i) {
      const std::size_t channel = i % 3, x = i / 3 % 48, y = i / 144 % 48, t = i / 6912 % 4, view = i / 27648;
      const double expected =
          expected_response(project_points(points_of(actions[t]), rig[view]), channel, static_cast<double>(x),
                            static_cast<double>(y), 2.4, actions[t].openness, convention);
      REQUIRE(std::abs(responses.data()[i] - expected) < 1e-6);
      REQUIRE(std::abs(levels.data()[i] - 255.0 * expected) <= 0.5 + 1e-3);
    }
  }
}

TEST_CASE("uint8 is floor(255 G + 0.5): more than 99.99 % equal to double precision, none more than one level off") {
  for (const auto& [width, height] : {std::pair(320, 200), std::pair(37, 61)}) {
    for (const double sigma : {0.3, 2.0, 0.05 * height, 1000.0}) {
      Images<std::uint8_t> images = Images<std::uint8_t>::from_shape(
          {1, 1, static_cast<std::size_t>(height), static_cast<std::size_t>(width), 3});
      const PixelPoints points{Eigen::Vector2d(0.4 * width, 0.3 * height), Eigen::Vector2d(0.45 * width, height + 1.3),
                               Eigen::Vector2d(0.62 * width, 0.5 * height)};
      draw_action_image(points, 0.6, layout_of(Convention::paper), sigma, view_of(images));
      std::size_t equal = 0;
      for (std::size_t i = 0; i < images.size(); ++i) {
        const double x = static_cast<double>(i / 3 % static_cast<std::size_t>(width));
        const double y = static_cast<double>(i / 3 / static_cast<std::size_t>(width));
        const double response = expected_response(points, i % 3, x, y, sigma, 0.6, Convention::paper);
        const int expected = static_cast<int>(std::floor(255.0 * response + 0.5));
        equal += images.data()[i] == expected ? 1 : 0;
        REQUIRE(std::abs(images.data()[i] - expected) <= 1);
      }
      CHECK(static_cast<double>(equal) > 0.9999 * static_cast<double>(images.size()));
    }
  }
}

TEST_CASE("any number of threads draws the same pixels") {
  const Rig rig = test::rig_around(3, 160);
  const Trajectory actions = test::random_motion(15, 8);
  const auto alone = encode(actions, rig, {.threads = 1});
  const auto alone_float = encode<float>(actions, rig, {.threads = 1});
  for (const std::size_t threads : {0, 2, 3}) {
    CHECK(encode(actions, rig, {.threads = threads}) == alone);
    CHECK(encode<float>(actions, rig, {.threads = threads}) == alone_float);
  }
}

TEST_CASE("a Gaussian has its maximum at the pixel's centre (paper) or at the index (release)") {
  Images<float> images = Images<float>::from_shape({1, 1, 16, 16, 3});
  const PixelPoints points{Eigen::Vector2d(7.5, 4.5), std::nullopt, std::nullopt};
  draw_action_image(points, 0.0, layout_of(Convention::paper), 2.0, view_of(images));
  CHECK(images(0, 0, 4, 7, 0) == 1.0F);
  const PixelPoints on_index{Eigen::Vector2d(7, 4), std::nullopt, std::nullopt};
  draw_action_image(on_index, 0.0, layout_of(Convention::release), 2.0, view_of(images));
  CHECK(images(0, 0, 4, 7, 0) == 1.0F);
}

TEST_CASE("points behind the camera or far outside the picture leave only the background") {
  const Rig rig({test::camera_around(0, 32)});
  for (const Eigen::Vector3d& position : {Eigen::Vector3d(5, 0, 5), Eigen::Vector3d(100, 100, 100)}) {
    const auto images = encode({{position, Eigen::Vector3d::Zero(), 1.0}}, rig);
    for (std::size_t i = 0; i < images.size(); ++i) REQUIRE(images.data()[i] == (i % 3 == 2 ? 64 : 0));
  }
}

TEST_CASE("no actions give no frames") { CHECK(encode({}, test::rig_around(2, 8)).shape()[1] == 0); }

TEST_CASE("actions and options out of range are refused") {
  const Rig rig = test::rig_around(2, 16);
  Trajectory actions(2);
  actions[1].openness = 1.5;
  CHECK_THROWS_WITH_AS(encode(actions, rig),
                       "[codec::encode] actions[1].openness: expected a number in [0, 1], got 1.5", ValueError);
  actions[1].position.x() = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH_AS(encode(actions, rig), "[codec::encode] actions[1]: expected finite numbers, got NaN or infinity",
                       ValueError);
  CHECK_THROWS_WITH_AS(encode(Trajectory(1), rig, {.sigma = 0.0}),
                       "[codec::encode] sigma: expected a positive number of pixels up to 65536, got 0", ValueError);
  CHECK_THROWS_WITH_AS(encode(Trajectory(1), rig, {.axis_length = -1.0}),
                       "[codec::encode] axis_length: expected a positive length in metres, got -1", ValueError);
  CHECK_THROWS_AS(convention_from_name("Paper"), ValueError);
  Images<float> small = Images<float>::from_shape({2, 1, 8, 16, 3});
  CHECK_THROWS_WITH_AS(encode_into(Trajectory(1), rig, view_of(small)),
                       "[codec::encode] out: expected (2, 1, 16, 16, 3), got (2, 1, 8, 16, 3)", ShapeError);
}
