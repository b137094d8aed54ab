// SPDX-License-Identifier: Apache-2.0
#include <action_images/vggt/scene_quality.hpp>

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

using namespace action_images;

namespace {

constexpr std::int64_t size = 64;

// Depth maps of a wavy wall at z = 2, seen by cameras beside each other that look straight ahead.
SeenScene wall(const std::vector<double>& places, double error = 0.0) {
  const auto count = static_cast<std::int64_t>(places.size());
  const auto options = at::TensorOptions(at::kDouble);
  SeenScene scene;
  scene.cameras.extrinsics = at::eye(4, options).narrow(0, 0, 3).repeat({count, 1, 1});
  scene.cameras.intrinsics =
      at::tensor({60.0, 0.0, 32.0, 0.0, 60.0, 32.0, 0.0, 0.0, 1.0}, options).view({3, 3}).repeat({count, 1, 1});
  for (std::int64_t i = 0; i < count; ++i) scene.cameras.extrinsics[i][0][3] = -places[static_cast<std::size_t>(i)];
  scene.depth = at::full({count, size, size}, 2.0, at::kFloat);
  if (count > 1) scene.depth[1] *= 1.0 + error;
  scene.depth_confidence = at::rand({count, size, size}) + 1.0;
  scene.shown = at::ones({count, size, size}, at::kBool);
  return scene;
}

bool warns(const SceneQuality& quality, const char* name) {
  return std::any_of(quality.warnings.begin(), quality.warnings.end(),
                     [&](const Finding& finding) { return finding.name == name; });
}

}  // namespace

TEST_CASE("cameras that fit their depth maps are trusted, and the numbers are those of the geometry") {
  const SceneQuality quality = scene_quality(wall({0.0, 0.4}));
  CHECK(quality.depth == doctest::Approx(2.0));
  CHECK(quality.baseline == doctest::Approx(0.2));
  CHECK(quality.agreement == doctest::Approx(1.0));
  CHECK(quality.depth_error < 1e-6);
  CHECK(quality.parallax == doctest::Approx(180.0 / 3.14159265 * std::atan(0.2)).epsilon(0.1));
  CHECK(quality.overlap == doctest::Approx(1.0 - 0.4 * 60.0 / 2.0 / 64.0).epsilon(0.05));
  CHECK(quality.confidence == 1.0);
  CHECK(quality.warnings.empty());
}

TEST_CASE("the scene's scale changes nothing but the depth") {
  SceneQuality small = scene_quality(wall({0.0, 0.4}));
  SeenScene scene = wall({0.0, 4.0});
  scene.depth *= 10.0;
  const SceneQuality large = scene_quality(scene);
  CHECK(large.depth == doctest::Approx(10.0 * small.depth));
  CHECK(large.baseline == doctest::Approx(small.baseline));
  CHECK(large.confidence == small.confidence);
}

TEST_CASE("cameras at one place are not trusted") {
  const SceneQuality quality = scene_quality(wall({0.0, 0.001}));
  CHECK(quality.confidence < 0.05);
  CHECK(warns(quality, "short_baseline"));
  CHECK(warns(quality, "parallel_rays"));
}

TEST_CASE("depths that disagree are not trusted") {
  const SceneQuality quality = scene_quality(wall({0.0, 0.4}, 0.3));
  CHECK(quality.agreement == 0.0);
  CHECK(quality.depth_error == doctest::Approx(0.27).epsilon(0.2));
  CHECK(quality.confidence == 0.0);
  CHECK(warns(quality, "disagreeing_depth"));
}

TEST_CASE("pictures with nothing in common, and one alone, are not trusted") {
  const SceneQuality apart = scene_quality(wall({0.0, 50.0}));
  CHECK(apart.overlap == 0.0);
  CHECK(apart.confidence == 0.0);
  CHECK(warns(apart, "little_overlap"));
  const SceneQuality alone = scene_quality(wall({0.0}));
  CHECK(alone.confidence == 0.0);
  CHECK(warns(alone, "one_picture"));
}

TEST_CASE("more pictures than are compared pair by pair are measured, too") {
  std::vector<double> places;
  for (int i = 0; i < 20; ++i) places.push_back(0.05 * i);
  const SceneQuality quality = scene_quality(wall(places));
  CHECK(quality.confidence == 1.0);
  CHECK(quality.agreement == doctest::Approx(1.0));
}
