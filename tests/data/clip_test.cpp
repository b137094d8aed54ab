// SPDX-License-Identifier: Apache-2.0
#include <action_images/data/clip.hpp>

#include <set>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include "episodes.hpp"

using namespace action_images;

namespace {

WindowOptions window(std::int64_t frames, int views = 2, int interval = 0) {
  return {.frames = frames, .height = 24, .width = 32, .views = views, .interval = interval};
}

// The episode's frame that a clip shows at a time: red says it.
int frame_of(const Clip& clip, std::int64_t view, std::int64_t time) {
  return clip.video.index({view, time, 0, 0, 0}).item<int>() / 5;
}

}  // namespace

TEST_CASE("a clip has the same frames of all views, their actions, and the cameras of its pictures") {
  const Episode episode = made::episode({.frames = 30, .moving = true});
  const Clip clip = cut_clip(episode, window(5, 2, 3), 7);
  CHECK(clip.video.sizes() == at::IntArrayRef{2, 5, 24, 32, 3});
  CHECK(clip.interval == 3);
  REQUIRE(clip.actions->size() == 5);
  for (std::int64_t t = 0; t < 5; ++t) {
    const std::int64_t frame = clip.start + 3 * t;
    CHECK(frame < 30);
    for (std::int64_t view = 0; view < 2; ++view) {
      CHECK(frame_of(clip, view, t) == frame);
      const auto number = static_cast<std::size_t>(clip.views[static_cast<std::size_t>(view)]);
      CHECK(clip.rig.camera(static_cast<std::size_t>(view), static_cast<std::size_t>(t)).center() ==
            episode.views[number].cameras[static_cast<std::size_t>(frame)].center());
    }
    CHECK((*clip.actions)[static_cast<std::size_t>(t)].position ==
          (*episode.actions)[static_cast<std::size_t>(frame)].position);
  }
}

TEST_CASE("a short episode is taken frame by frame and its last frame repeated") {
  const Clip clip = cut_clip(made::episode({.frames = 4}), window(9, 2, 4), 1);
  CHECK(clip.start == 0);
  CHECK(clip.interval == 1);
  for (std::int64_t t = 0; t < 9; ++t) CHECK(frame_of(clip, 0, t) == std::min<std::int64_t>(t, 3));
  CHECK(clip.actions->back().openness == doctest::Approx(1.0 - 3.0 / 4.0));
}

TEST_CASE("frames past the end of a window are the last one, as when an interval makes it longer than the episode") {
  const Clip clip = cut_clip(made::episode({.frames = 10}), window(5, 1, 4), 3);
  CHECK(clip.start == 0);
  for (std::int64_t t = 0; t < 5; ++t) CHECK(frame_of(clip, 0, t) == std::min<std::int64_t>(4 * t, 9));
}

TEST_CASE("the episode's interval serves unless another is asked for") {
  Episode episode = made::episode({.frames = 40});
  episode.interval = 4;
  CHECK(cut_clip(episode, window(5), 1).interval == 4);
  CHECK(cut_clip(episode, window(5, 2, 2), 1).interval == 2);
}

TEST_CASE("windows begin everywhere, and views come in every order") {
  const Episode episode = made::episode({.frames = 12, .views = 3});
  std::set<std::int64_t> starts;
  std::set<std::vector<int>> views;
  std::set<std::string> texts;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Clip clip = cut_clip(episode, window(5), seed);
    starts.insert(clip.start);
    views.insert(clip.views);
    texts.insert(clip.text);
  }
  CHECK(starts == std::set<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(views.size() == 6);  // ordered pairs of three
  CHECK(texts.size() == 2);
}

TEST_CASE(
    "views are distinct, again from the first when there are too few, and all in their order when none are asked for") {
  CHECK(cut_clip(made::episode({.views = 1}), window(3), 5).views == std::vector<int>{0, 0});
  CHECK(cut_clip(made::episode({.views = 3}), window(3, 0), 5).views == std::vector<int>{0, 1, 2});
  const auto three = cut_clip(made::episode({.views = 2}), window(3, 3), 5).views;
  CHECK(three[0] != three[1]);
  CHECK(three[2] == three[0]);
}

TEST_CASE("without options a clip is the whole episode in its own size") {
  const WindowOptions whole{.frames = 0, .height = 0, .width = 0, .views = 0};
  const Clip clip = cut_clip(made::episode({.frames = 7, .views = 3}), whole, 0);
  CHECK(clip.video.sizes() == at::IntArrayRef{3, 7, 24, 32, 3});
  const auto expected = made::pictures(7, 24, 32, 2).rgb;
  CHECK(std::equal(expected.begin(), expected.end(), clip.video[2].data_ptr<std::uint8_t>()));
}

TEST_CASE("pictures and cameras are cropped and resized together") {
  // A bright spot on black: its centroid is where the camera sees the point that it stands for.
  VideoFrames spot{.rgb = std::vector<std::uint8_t>(60 * 100 * 3), .frames = 1, .height = 60, .width = 100};
  const Camera camera = made::camera(60, 100);
  const Eigen::Vector3d point(0.06, -0.05, 0.0);
  const Eigen::Vector2d pixel = *camera.project(point);
  for (int y = 0; y < 60; ++y) {
    for (int x = 0; x < 100; ++x) {
      const double distance = (Eigen::Vector2d(x + 0.5, y + 0.5) - pixel).squaredNorm();
      for (std::size_t c = 0; c < 3; ++c) {
        spot.rgb[3 * static_cast<std::size_t>(100 * y + x) + c] =
            static_cast<std::uint8_t>(250 * std::exp(-distance / 18));
      }
    }
  }
  const Episode episode{.name = "spot",
                        .texts = {},
                        .frames = 1,
                        .frame_rate = 0.0,
                        .views = {{"cam", {camera}, frames_in_memory(spot)}},
                        .actions = {},
                        .interval = 1};
  const auto check_size = [&](WindowOptions options) {
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      const Clip clip = cut_clip(episode, options, seed);
      const at::Tensor weights = clip.video[0][0].select(2, 0).to(at::kDouble);
      const auto centroid = [&](std::int64_t axis) {
        const at::Tensor centres = at::arange(weights.size(axis), at::kDouble) + 0.5;
        return ((weights.sum(1 - axis) * centres).sum() / weights.sum()).item<double>();
      };
      const Eigen::Vector2d expected = *clip.rig[0].project(point);
      CHECK(centroid(1) == doctest::Approx(expected.x()).epsilon(0.003));
      CHECK(centroid(0) == doctest::Approx(expected.y()).epsilon(0.003));
    }
  };
  check_size({.frames = 1, .height = 45, .width = 45, .views = 1});    // crops half a pixel, shrinks
  check_size({.frames = 1, .height = 120, .width = 160, .views = 1});  // grows
  check_size({.frames = 1, .height = 45, .width = 60, .views = 1, .interval = 0, .augmentation = {.crop = 0.15}});
}

TEST_CASE("colours change alike in all frames of a view, and by no more than was asked for") {
  const Episode episode = made::episode({.frames = 5});
  WindowOptions options = window(5);
  const Clip plain = cut_clip(episode, options, 11);
  options.augmentation = {.brightness = 0.2, .contrast = 0.0, .saturation = 0.0, .crop = 0.0};
  const Clip changed = cut_clip(episode, options, 11);
  CHECK(plain.views == changed.views);
  CHECK(plain.rig[0].intrinsics() == changed.rig[0].intrinsics());
  for (std::int64_t view = 0; view < 2; ++view) {
    const at::Tensor before = plain.video[view].to(at::kDouble), after = changed.video[view].to(at::kDouble);
    const at::Tensor ratio = (after / before).masked_select((before > 60).logical_and(after < 255));
    CHECK(ratio.min().item<double>() > 0.78);
    CHECK(ratio.max().item<double>() < 1.22);
    CHECK((ratio.max() - ratio.min()).item<double>() < 0.02);  // rounding
  }
}

TEST_CASE("faulty options and episodes are refused by name") {
  const Episode episode = made::episode();
  CHECK_THROWS_AS(cut_clip(episode, {.frames = -1}, 0), ValueError);
  CHECK_THROWS_AS(cut_clip(episode, {.frames = 5, .height = 0, .width = 32}, 0), ValueError);
  CHECK_THROWS_AS(cut_clip(episode, {.frames = 1 << 20, .height = 16384, .width = 16384}, 0), ValueError);
  CHECK_THROWS_WITH_AS(cut_clip(episode, {.frames = 5, .height = 8, .width = 8, .augmentation = {.crop = 0.9}}, 0),
                       "[data::cut_clip] augmentation.crop: expected 0..0.75, got 0.9", ValueError);
  Episode faulty = made::episode();
  faulty.actions->pop_back();
  CHECK_THROWS_WITH_AS(cut_clip(faulty, window(5), 0),
                       "[data::cut_clip] made up: actions: expected 12 rows, as there are frames, got 11", ShapeError);
  faulty = made::episode();
  (*faulty.actions)[3].openness = 1.5;
  CHECK_THROWS_AS(cut_clip(faulty, window(5), 0), ValueError);
  faulty.views.clear();
  CHECK_THROWS_AS(cut_clip(faulty, window(5), 0), ValueError);
}
