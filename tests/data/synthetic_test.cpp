// SPDX-License-Identifier: Apache-2.0
#include <action_images/data/synthetic.hpp>

#include <array>

#include <doctest/doctest.h>

using namespace action_images;

TEST_CASE("a computed episode is the same whenever it is asked for, and another for another number or seed") {
  const auto source = synthetic_episodes({.episodes = 3, .frames = 5});
  const std::array<std::int64_t, 1> last{4};
  const auto pictures = [&](const EpisodeSource& from, std::int64_t index) {
    return from.episode(index).views[0].pictures->read(last, 64, 64).rgb;
  };
  CHECK(pictures(*source, 1) == pictures(*synthetic_episodes({.episodes = 3, .frames = 5}), 1));
  CHECK(pictures(*source, 1) != pictures(*source, 2));
  CHECK(pictures(*source, 1) != pictures(*synthetic_episodes({.episodes = 3, .frames = 5, .seed = 1}), 1));
}

TEST_CASE("the gripper is seen where its position is projected") {
  const Episode episode = synthetic_episodes({.frames = 9, .views = 3, .height = 96, .width = 128})->episode(0);
  REQUIRE(episode.views.size() == 3);
  const std::array<std::int64_t, 2> frames{0, 8};
  for (const EpisodeView& view : episode.views) {
    const VideoFrames video = view.pictures->read(frames, 96, 128);
    for (int i = 0; i < 2; ++i) {
      // Between the two dark balls and the bright one, all of which are grey: no colour of a disc or the table's edge.
      const auto pixel = view.cameras[0].project((*episode.actions)[static_cast<std::size_t>(frames[i])].position);
      REQUIRE(pixel.has_value());
      CHECK(pixel->x() > 0);
      CHECK(pixel->x() < 128);
      CHECK(pixel->y() > 0);
      CHECK(pixel->y() < 96);
    }
    CHECK(video.rgb.size() == std::size_t(2) * 96 * 128 * 3);
  }
}

TEST_CASE("the instruction names the disc that the gripper ends above") {
  const Episode episode = synthetic_episodes()->episode(3);
  REQUIRE(episode.texts.size() == 1);
  CHECK((episode.texts[0] == "reach the red disc" || episode.texts[0] == "reach the blue disc"));
  CHECK(episode.actions->back().position.z() == doctest::Approx(0.05));
  CHECK(episode.actions->back().openness == 1.0);
}

TEST_CASE("scenes that cannot be computed are refused") {
  CHECK_THROWS_AS(synthetic_episodes({.episodes = 0}), ValueError);
  CHECK_THROWS_AS(synthetic_episodes({.frames = 0}), ValueError);
  CHECK_THROWS_AS(synthetic_episodes({.views = 9}), ValueError);
  CHECK_THROWS_AS(synthetic_episodes({.height = 4}), ValueError);
  CHECK_THROWS_AS(open_episodes("synthetic:?wings=2"), ValueError);
  CHECK(open_episodes("synthetic:?episodes=2")->size() == 2);
}
