// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <doctest/doctest.h>
#include <action_images/codec/draw.hpp>
#include <action_images/codec/encode.hpp>
#include <action_images/codec/heat_blend.hpp>

#include "scenes.hpp"

using namespace action_images;

namespace {

constexpr double no_number = std::numeric_limits<double>::quiet_NaN();
const Colour white(255, 255, 255);

using Picture = std::vector<std::uint8_t>;

Images<std::uint8_t> grey(std::size_t views, std::size_t frames, std::size_t size) {
  auto images = Images<std::uint8_t>::from_shape({views, frames, size, size, 3});
  std::fill_n(images.data(), images.size(), std::uint8_t{100});
  return images;
}

Picture blended(Canvas& canvas, double opacity = 1.0) {
  Picture picture(canvas.height() * canvas.width() * 3);
  canvas.blend_onto(picture.data(), opacity);
  return picture;
}

double sum(const Picture& picture) {
  double total = 0.0;
  for (const auto value : picture) total += value;
  return total / (3.0 * 255.0);
}

/// Whether each changed pixel is within `reach` px of one of the points.
bool changes_lie_near(const Images<std::uint8_t>& images, const std::vector<Eigen::Vector2d>& points, double reach) {
  const std::size_t size = images.shape()[2];
  for (std::size_t y = 0; y < size; ++y) {
    for (std::size_t x = 0; x < size; ++x) {
      if (images(0, 0, y, x, 0) == 100 && images(0, 0, y, x, 1) == 100 && images(0, 0, y, x, 2) == 100) continue;
      const Eigen::Vector2d pixel(static_cast<double>(x) + 0.5, static_cast<double>(y) + 0.5);
      const auto near = [&](const Eigen::Vector2d& point) { return (point - pixel).norm() <= reach; };
      if (std::none_of(points.begin(), points.end(), near)) return false;
    }
  }
  return true;
}

bool is_changed_at(const Images<std::uint8_t>& images, const Eigen::Vector2d& pixel) {
  const auto x = static_cast<std::size_t>(pixel.x()), y = static_cast<std::size_t>(pixel.y());
  return images(0, 0, y, x, 0) != 100 || images(0, 0, y, x, 1) != 100 || images(0, 0, y, x, 2) != 100;
}

std::size_t count_changes(const Images<std::uint8_t>& images) {
  return static_cast<std::size_t>(std::count_if(images.begin(), images.end(), [](auto value) { return value != 100; }));
}

const DrawOptions path_only{.width = 2.0, .axes_length = 0.0, .gripper = false};

}  // namespace

TEST_CASE("a line covers its width and a disc its area") {
  Canvas canvas(64, 64);
  canvas.line({{10.5, 20.2}, {50.5, 20.2}, 1.3, white, white});
  const Picture line = blended(canvas);
  for (std::size_t x = 12; x < 49; ++x) {
    double column = 0.0;
    for (std::size_t y = 0; y < 64; ++y) column += line[(y * 64 + x) * 3] / 255.0;
    CHECK(column == doctest::Approx(2.6).epsilon(0.005));
  }
  canvas.disc({30.3, 31.8}, 9.0, white);
  CHECK(sum(blended(canvas)) == doctest::Approx(3.14159 * 81.0).epsilon(0.005));
  canvas.ring({30.3, 31.8}, 9.0, 1.0, white);
  CHECK(sum(blended(canvas)) == doctest::Approx(3.14159 * (100.0 - 64.0)).epsilon(0.01));
}

TEST_CASE("strokes that overlap on a layer cover a picture once") {
  Canvas canvas(32, 32);
  const Stroke stroke{{4.0, 5.0}, {27.0, 22.0}, 1.5, white, white};
  canvas.line(stroke);
  const Picture once = blended(canvas, 0.5);
  canvas.line(stroke);
  canvas.line(stroke);
  CHECK(blended(canvas, 0.5) == once);
  CHECK(sum(blended(canvas)) == 0.0);  // the layer is empty again
}

TEST_CASE("a line is the same in one stroke and in many") {
  Canvas canvas(48, 48);
  const Eigen::Vector2d from(3.3, 40.1), to(44.2, 6.7);
  canvas.line({from, to, 1.2, white, white});
  const Picture whole = blended(canvas, 0.7);
  for (int i = 0; i < 10; ++i) {
    canvas.line({from + 0.1 * i * (to - from), from + 0.1 * (i + 1) * (to - from), 1.2, white, white});
  }
  const Picture parts = blended(canvas, 0.7);
  for (std::size_t i = 0; i < whole.size(); ++i) CHECK(std::abs(whole[i] - parts[i]) <= 1);
}

TEST_CASE("lines that leave the picture are cut at its border, however far they go") {
  Canvas canvas(32, 32);
  canvas.line({{16.0, 16.0}, {1e12, 16.0}, 1.0, white, white});
  const Picture picture = blended(canvas);
  CHECK(picture[(15 * 32 + 31) * 3] == 255);
  CHECK(sum(picture) == doctest::Approx(32.0 + 3.14159 / 2.0).epsilon(0.02));
  canvas.line({{-100.0, -5.0}, {100.0, -5.0}, 1.0, white, white});
  canvas.line({{no_number, 5.0}, {10.0, 5.0}, 1.0, white, white});
  canvas.disc({500.0, 5.0}, 3.0, white);
  CHECK(sum(blended(canvas)) == 0.0);
}

TEST_CASE("later moments are lighter") {
  double before = 0.0;
  for (double fraction = 0.0; fraction <= 1.0; fraction += 1.0 / 64.0) {
    const Colour colour = time_colour(fraction);
    const double luminance = 0.2126 * std::pow(colour[0] / 255.0, 2.2) + 0.7152 * std::pow(colour[1] / 255.0, 2.2) +
                             0.0722 * std::pow(colour[2] / 255.0, 2.2);
    CHECK(luminance > before);
    before = luminance;
  }
}

TEST_CASE("a path is drawn along the picture of the straight lines between its positions, for every lens") {
  const std::vector<Distortion> lenses{
      {}, {LensModel::brown_conrady, {-0.4, 0.12, 0.01, -0.01}}, {LensModel::fisheye, {0.05, -0.01, 0.0, 0.0}}};
  Eigen::Matrix3d intrinsics;
  intrinsics << 90, 0, 64, 0, 90, 64, 0, 0, 1;
  const Trajectory actions{{{-0.6, -0.4, 1.0}}, {{0.5, -0.55, 0.8}}, {{0.45, 0.5, 1.2}}};
  for (const Distortion& lens : lenses) {
    const Camera camera(intrinsics, Eigen::Matrix4d::Identity(), 128, 128, lens);
    auto images = grey(1, 1, 128);
    draw_trajectory(view_of(images), actions, Rig({camera}), path_only);
    std::vector<Eigen::Vector2d> points;
    for (int i = 0; i <= 800; ++i) {
      const auto part = static_cast<std::size_t>(std::min(i / 400, 1));
      const double share = i / 400.0 - static_cast<double>(part);
      const auto pixel = camera.project((1.0 - share) * actions[part].position + share * actions[part + 1].position);
      if (pixel) points.push_back(*pixel);
    }
    CHECK(changes_lie_near(images, points, 1.0 + 0.75 + 1.25));
    for (const auto& point : points) {
      if (point.minCoeff() > 0.0 && point.maxCoeff() < 128.0) CHECK(is_changed_at(images, point));
    }
  }
}

TEST_CASE("what is behind a camera is not drawn, and a path that passes beside it ends at the border") {
  Eigen::Matrix3d intrinsics;
  intrinsics << 60, 0, 32, 0, 60, 32, 0, 0, 1;
  const Rig rig({Camera(intrinsics, Eigen::Matrix4d::Identity(), 64, 64)});
  auto images = grey(1, 1, 64);
  draw_trajectory(view_of(images), {{{0.1, 0.0, -1.0}}, {{-0.1, 0.1, -0.5}}}, rig);
  CHECK(count_changes(images) == 0);
  draw_trajectory(view_of(images), {{{0.0, 0.0, 1.0}}, {{0.5, 0.0, -1.0}}}, rig, path_only);
  for (std::size_t x = 33; x < 64; ++x) CHECK(images(0, 0, 32, x, 0) != 100);
  for (std::size_t x = 0; x < 28; ++x) CHECK(images(0, 0, 32, x, 0) == 100);
}

TEST_CASE("axes have their colours and point where the pose's axes point") {
  const Camera camera = test::camera_around(0.4, 256);
  const Action action{{0.0, 0.0, 0.06}, {0.5, -0.4, 0.9}, 1.0};
  Eigen::Affine3d pose = Eigen::Translation3d(action.position) * Eigen::Affine3d(rotation_from_euler(action.euler));
  auto images = grey(1, 1, 256);
  draw_axes(view_of(images), pose, camera, 0.1);
  auto by_trajectory = grey(1, 1, 256);
  draw_trajectory(view_of(by_trajectory), {action}, Rig({camera}), {.axes_length = 0.1, .gripper = false});
  CHECK(images == by_trajectory);
  for (Eigen::Index axis = 0; axis < 3; ++axis) {
    const Eigen::Vector2d tip = *camera.project(pose * Eigen::Vector3d(0.097 * Eigen::Vector3d::Unit(axis)));
    const Colour colour = axis_colours()[static_cast<std::size_t>(axis)];
    for (Eigen::Index channel = 0; channel < 3; ++channel) {
      const auto value = images(0, 0, static_cast<std::size_t>(tip.y()), static_cast<std::size_t>(tip.x()),
                                static_cast<std::size_t>(channel));
      CHECK(std::abs(value - colour[channel]) <= 1.0F);
    }
  }
}

TEST_CASE("the marker of a closed gripper is full and that of an open one is hollow") {
  const Rig rig({test::camera_around(0.0, 128)});
  const DrawOptions options{.width = 4.0, .axes_length = 0.0};
  Trajectory actions{{{0.0, 0.0, 0.06}, {0, 0, 0}, 1.0}};
  const Eigen::Vector2d center = *rig[0].project(actions[0].position);
  auto images = grey(1, 1, 128);
  draw_trajectory(view_of(images), actions, rig, options);
  CHECK_FALSE(is_changed_at(images, center));
  CHECK(is_changed_at(images, center + Eigen::Vector2d(8.0, 0.0)));
  actions[0].openness = 0.0;
  draw_trajectory(view_of(images), actions, rig, options);
  CHECK(is_changed_at(images, center));
}

TEST_CASE("every frame of a clip is drawn as the single picture of its moment, for cameras that move too") {
  const auto actions = test::random_motion(4, 3);
  std::vector<std::vector<Camera>> cameras(2);
  for (int t = 0; t < 4; ++t) cameras[0].push_back(test::camera_around(0.2 * t, 64));
  cameras[1].push_back(test::camera_around(1.0, 64));
  const Rig rig = Rig::moving(cameras);
  auto clip = grey(2, 4, 64);
  draw_trajectory(view_of(clip), actions, rig);
  for (std::size_t view = 0; view < 2; ++view) {
    for (std::size_t t = 0; t < 4; ++t) {
      auto single = grey(1, 1, 64);
      draw_trajectory(view_of(single), actions, Rig({rig.camera(view, t)}), {.time = t});
      CHECK(std::equal(single.begin(), single.end(), view_of(clip).frame(view, t)));
    }
  }
}

TEST_CASE("frames that are not known leave a gap") {
  const Rig rig({test::camera_around(0.0, 64)});
  Trajectory actions{{{0.0, -0.2, 0.06}},
                     {{no_number, no_number, no_number}, {no_number, no_number, no_number}, no_number},
                     {{0.0, 0.2, 0.06}}};
  auto images = grey(1, 3, 64);
  draw_trajectory(view_of(images), actions, rig, path_only);
  CHECK(count_changes(images) == 0);
  draw_trajectory(view_of(images), actions, rig);
  const std::uint8_t* const middle = view_of(images).frame(0, 1);
  CHECK(std::all_of(middle, middle + 64 * 64 * 3, [](auto value) { return value == 100; }));
}

TEST_CASE("drawing on pictures that are not the rig's or with bad options is refused") {
  const Rig rig = test::rig_around(2, 32);
  const auto actions = test::random_motion(3, 1);
  auto images = grey(2, 4, 32);
  CHECK_THROWS_WITH_AS(draw_trajectory(view_of(images), actions, rig),
                       "[codec::draw_trajectory] images: expected (2, 3, 32, 32, 3), got (2, 4, 32, 32, 3)",
                       ShapeError);
  auto single = grey(2, 1, 32);
  CHECK_THROWS_WITH_AS(draw_trajectory(view_of(single), actions, rig, {.time = 3}),
                       doctest::Contains("time: expected a frame within 0..2 for a single picture, got 3"), ValueError);
  CHECK_THROWS_WITH_AS(draw_trajectory(view_of(single), {}, rig), doctest::Contains("actions: expected at least one"),
                       ValueError);
  for (const DrawOptions& options : {DrawOptions{.width = 0.0}, DrawOptions{.width = no_number},
                                     DrawOptions{.future = 1.5}, DrawOptions{.axes_length = -1.0}}) {
    CHECK_THROWS_AS(draw_trajectory(view_of(single), actions, rig, options), ValueError);
  }
  CHECK_THROWS_AS(draw_axes(view_of(single), Eigen::Affine3d::Identity(), rig[0]), ShapeError);
}

TEST_CASE("the mean of picture and action image is rounded half up, in place too") {
  Picture rgb{10, 0, 255, 7, 8, 9};
  const Picture action{255, 1, 255, 8, 8, 0};
  heat_blend(rgb, action, rgb);
  CHECK(rgb == Picture{133, 1, 255, 8, 8, 5});
  Picture whole(6);
  heat_blend(rgb, action, whole, {.alpha = 1.0});
  CHECK(whole == action);
}

TEST_CASE("a glowing blend keeps the picture where the action image is dark, whatever the openness") {
  const Rig rig = test::rig_around(1, 64);
  const Trajectory actions{{{0.0, 0.0, 0.06}, {2.0, 0.4, 0.8}, 1.0}};
  const auto action = encode(actions, rig);
  auto images = grey(1, 1, 64);
  const auto span = [](auto& array) { return std::span(array.data(), array.size()); };
  heat_blend(span(images), span(action), span(images), {.alpha = 0.5, .mode = BlendMode::glow});
  CHECK(images(0, 0, 0, 0, 0) == 100);
  CHECK(images(0, 0, 63, 63, 2) == 100);
  const Eigen::Vector2d red = *rig[0].project(actions[0].position);
  CHECK(images(0, 0, static_cast<std::size_t>(red.y()), static_cast<std::size_t>(red.x()), 0) > 170);
}

TEST_CASE("a blend of unequal sizes or with a weight out of range is refused") {
  Picture six(6), nine(9);
  CHECK_THROWS_WITH_AS(heat_blend(six, nine, six), "[codec::heat_blend] action_images: expected (6,), got (9,)",
                       ShapeError);
  CHECK_THROWS_AS(heat_blend(six, six, nine), ShapeError);
  CHECK_THROWS_AS(heat_blend(six, six, six, {.alpha = 1.1}), ValueError);
  CHECK_THROWS_AS(heat_blend(six, six, six, {.alpha = no_number}), ValueError);
  CHECK_THROWS_AS(blend_mode_from_name("add"), ValueError);
}
