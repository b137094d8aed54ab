// SPDX-License-Identifier: Apache-2.0
#include <action_images/codec/pixel_action.hpp>

#include <limits>

#include <doctest/doctest.h>

#include "scenes.hpp"

using namespace action_images;

namespace {

constexpr double unseen = std::numeric_limits<double>::quiet_NaN();

Rig moving_rig(std::size_t frames) {
  std::vector<std::vector<Camera>> views(2);
  for (std::size_t t = 0; t < frames; ++t) views[0].push_back(test::camera_around(-0.7 + 0.05 * double(t), 64));
  views[1].push_back(test::camera_around(0.7, 64));
  return Rig::moving(views);
}

}  // namespace

TEST_CASE("images of pixel actions are the images of the actions, in every convention") {
  const Trajectory actions = test::random_motion(5, 2);
  for (const Convention convention : {Convention::paper, Convention::release}) {
    for (const Rig& rig : {test::rig_around(3, 48), moving_rig(5)}) {
      const EncodeOptions options{convention, 4.0, 0.08};
      const PixelActions pixels = pixel_actions(actions, rig, options);
      const auto size = static_cast<std::size_t>(rig.height());
      CHECK(encode_pixels(view_of(pixels), size, size, options) == encode(actions, rig, options));
      CHECK(encode_pixels<float>(view_of(pixels), size, size, options) == encode<float>(actions, rig, options));
    }
  }
}

TEST_CASE("actions from pixel actions are the actions") {
  const Trajectory actions = test::random_motion(20, 4);
  for (const Convention convention : {Convention::paper, Convention::release}) {
    for (const Rig& rig : {test::rig_around(2, 64), test::rig_around(4, 64, -1.0), moving_rig(20)}) {
      const EncodeOptions options{convention, {}, 0.05};
      const PixelActions pixels = pixel_actions(actions, rig, options);
      const auto lifted = actions_from_pixels(view_of(pixels), rig, options);
      REQUIRE(lifted.size() == actions.size());
      for (std::size_t t = 0; t < actions.size(); ++t) {
        REQUIRE(lifted[t]);
        CHECK((lifted[t]->position - actions[t].position).norm() < 1e-9);
        CHECK((rotation_from_euler(lifted[t]->euler) - rotation_from_euler(actions[t].euler)).norm() < 1e-7);
        CHECK(lifted[t]->openness == doctest::Approx(actions[t].openness));
      }
    }
  }
}

TEST_CASE("green and blue change places between the conventions") {
  const Trajectory actions = test::random_motion(1, 3);
  const Rig rig = test::rig_around(2, 64);
  const PixelActions paper = pixel_actions(actions, rig, {Convention::paper});
  const PixelActions release = pixel_actions(actions, rig, {Convention::release});
  CHECK(paper(1, 0, 0) == release(1, 0, 0));
  CHECK(paper(1, 0, 2) == release(1, 0, 4));
  CHECK(paper(1, 0, 5) == release(1, 0, 3));
  CHECK(paper(1, 0, 6) == release(1, 0, 6));
}

TEST_CASE("a point that a view does not see is NaN, is not drawn, and is taken from the other views") {
  Trajectory actions = test::random_motion(2, 6);
  const Rig rig = test::rig_around(3, 32);
  PixelActions pixels = pixel_actions(actions, rig);
  pixels(1, 0, 2) = pixels(1, 0, 3) = unseen;
  const auto images = encode_pixels(view_of(pixels), 32, 32);
  std::uint8_t green = 0;
  for (std::size_t i = 0; i < 32 * 32; ++i) green = std::max(green, images(1, 0, i / 32, i % 32, 1));
  CHECK(green == 0);
  const auto lifted = actions_from_pixels(view_of(pixels), rig);
  REQUIRE(lifted[0]);
  CHECK((lifted[0]->position - actions[0].position).norm() < 1e-9);
  pixels(2, 0, 2) = pixels(2, 0, 3) = unseen;
  CHECK_FALSE(actions_from_pixels(view_of(pixels), rig)[0]);
  CHECK(actions_from_pixels(view_of(pixels), rig)[1]);

  actions[0].position = {100, 0, 100};  // behind the cameras
  const PixelActions behind = pixel_actions(actions, rig);
  CHECK(std::isnan(behind(0, 0, 0)));
  CHECK(behind(0, 0, 6) == actions[0].openness);
}

TEST_CASE("wrong pixel actions are named") {
  const Trajectory actions = test::random_motion(2, 6);
  const Rig rig = test::rig_around(2, 32);
  PixelActions pixels = pixel_actions(actions, rig);
  CHECK_THROWS_WITH_AS(actions_from_pixels(view_of(pixels), test::rig_around(3, 32)),
                       "[codec::actions_from_pixels] pixels: expected (3, T, 7), got (2, 2, 7)", ShapeError);
  CHECK_THROWS_AS(encode_pixels(view_of(pixels), 0, 32), ValueError);
  pixels(1, 0, 3) = unseen;
  CHECK_THROWS_WITH_AS(
      encode_pixels(view_of(pixels), 32, 32),
      doctest::Contains("[codec::encode_pixels] pixels[1, 0]: expected finite pixels, or NaN for both"), ValueError);
  pixels = pixel_actions(actions, rig);
  pixels(0, 1, 6) = 1.5;
  CHECK_THROWS_WITH_AS(encode_pixels(view_of(pixels), 32, 32),
                       "[codec::encode_pixels] pixels[0, 1].openness: expected a number in [0, 1], got 1.5",
                       ValueError);
  const PixelActions one = pixel_actions(actions, test::rig_around(1, 32));
  CHECK_THROWS_WITH_AS(actions_from_pixels(view_of(one), test::rig_around(1, 32)),
                       "[codec::actions_from_pixels] rig: expected two views or more, got 1", ValueError);
}
