// SPDX-License-Identifier: Apache-2.0
#include <action_images/vggt/estimate_cameras.hpp>

#include <fstream>
#include <iterator>
#include <vector>

#include <doctest/doctest.h>

#include <action_images/core/error.hpp>
#include <action_images/core/interrupted.hpp>
#include <action_images/tensor/safetensors.hpp>

#include "scene.hpp"

using namespace action_images;
using namespace action_images::testing;

namespace {

Vggt tiny_network() { return Vggt(tiny_vggt_config(), Parameters(tiny_vggt_tensors())); }

// Weights on disk, a cache, and how often the network ran.
struct OnDisk {
  Folder folder;
  std::filesystem::path weights = folder.path / "model.safetensors";
  std::vector<std::string> notices;
  int runs = 0;

  OnDisk() { save_safetensors(weights, tiny_vggt_tensors()); }

  SceneEstimate estimate(const std::vector<at::Tensor>& pictures, EstimateOptions options = {},
                         VggtLoadOptions loading = {}) {
    options.cache = folder.path / "cache";
    options.notice = [this](const std::string& text) { notices.push_back(text); };
    options.progress = [this](std::int64_t done, std::int64_t) {
      runs += done == 1 ? 1 : 0;
      return true;
    };
    loading.progress = [this](const LoadProgress&) { return true; };
    return estimate_cameras(weights, pictures, options, loading);
  }

  std::filesystem::path cached() const { return std::filesystem::directory_iterator(folder.path / "cache")->path(); }
};

bool same(const SceneEstimate& a, const SceneEstimate& b) {
  return at::equal(a.depth, b.depth) && at::equal(a.points, b.points) &&
         a.rig[1].world_from_camera().matrix() == b.rig[1].world_from_camera().matrix();
}

}  // namespace

TEST_CASE("cameras are those of the network, in the pictures' own pixels, and points project onto theirs") {
  const Vggt network = tiny_network();
  const auto pictures = noise_pictures(3, 40, 56);  // the network sees 14 x 28
  const SceneEstimate estimate = estimate_cameras(network, pictures, {.percentile = 0.0});
  REQUIRE(estimate.rig.size() == 3);
  CHECK(estimate.rig.width() == 56);
  CHECK(estimate.rig.height() == 40);
  const std::int64_t height = estimate.depth.size(1), width = estimate.depth.size(2);
  REQUIRE(estimate.points.size(0) == 3 * height * width);
  const VggtPictures prepared = vggt_pictures(pictures, VggtSizing::crop, 28, 14);
  const VggtOutput output = network.forward(prepared.images.unsqueeze(0));
  CHECK(at::allclose(estimate.depth, output.depth[0].squeeze(-1)));
  for (std::size_t view = 0; view < 3; ++view) {
    const Camera& camera = estimate.rig[view];
    const VggtPlacement& at_ = estimate.placements[view];
    for (const std::int64_t row : {std::int64_t{0}, height - 1}) {
      const std::int64_t column = width / 3, index = (static_cast<std::int64_t>(view) * height + row) * width + column;
      const at::Tensor point = estimate.points[index];
      const auto pixel = camera.project({point[0].item<double>(), point[1].item<double>(), point[2].item<double>()});
      REQUIRE(pixel);
      CHECK(pixel->x() * at_.scale_x + at_.offset_x ==
            doctest::Approx(static_cast<double>(column) + 0.5).epsilon(1e-3));
      CHECK(pixel->y() * at_.scale_y + at_.offset_y == doctest::Approx(static_cast<double>(row) + 0.5).epsilon(1e-3));
    }
  }
}

TEST_CASE("borders around pictures have no points") {
  const SceneEstimate estimate =
      estimate_cameras(tiny_network(), noise_pictures(2, 28, 56), {.sizing = VggtSizing::pad, .percentile = 0.0});
  CHECK(estimate.depth.size(1) == 28);
  CHECK(estimate.points.size(0) == 2 * 14 * 28);
}

TEST_CASE("the surer points are kept") {
  const auto pictures = noise_pictures(2);
  const Vggt network = tiny_network();
  const SceneEstimate all = estimate_cameras(network, pictures, {.percentile = 0.0});
  const SceneEstimate half = estimate_cameras(network, pictures, {.percentile = 75.0});
  CHECK(half.points.size(0) == doctest::Approx(0.25 * static_cast<double>(all.points.size(0))).epsilon(0.02));
  CHECK(half.confidence.min().item<float>() >= all.confidence.median().item<float>());
  CHECK(estimate_cameras(network, pictures, {.min_confidence = 1e9}).points.size(0) == 0);
}

TEST_CASE("pictures of different sizes have cameras of their own, and a rig of their middle squares") {
  auto pictures = noise_pictures(2, 30, 50);
  pictures[1] = noise_pictures(3, 44, 40)[2];
  const SceneEstimate estimate = estimate_cameras(tiny_network(), pictures, {.sizing = VggtSizing::release});
  CHECK(estimate.cameras[0].width() == 50);
  CHECK(estimate.cameras[1].height() == 44);
  CHECK(estimate.rig.width() == 40);
  CHECK(estimate.rig.height() == 40);
  const at::Tensor common = common_pictures(pictures);
  CHECK(common.sizes() == at::IntArrayRef({2, 40, 40, 3}));
  CHECK(at::equal(common[1], pictures[1].narrow(0, 2, 40)));
  // The middle square of 30 of 50 pixels is seen with a third more pixels.
  CHECK(estimate.rig[0].intrinsics()(0, 0) == doctest::Approx(estimate.cameras[0].intrinsics()(0, 0) * 40.0 / 30.0));
}

TEST_CASE("a picture alone has a camera and no confidence") {
  const SceneEstimate estimate = estimate_cameras(tiny_network(), noise_pictures(1));
  CHECK(estimate.rig.size() == 1);
  CHECK(estimate.quality.confidence == 0.0);
  REQUIRE(!estimate.quality.warnings.empty());
  CHECK(estimate.quality.warnings[0].name == "one_picture");
}

TEST_CASE("what was seen once is not looked at again") {
  OnDisk disk;
  const auto pictures = noise_pictures(2);
  const SceneEstimate first = disk.estimate(pictures);
  CHECK(disk.runs == 1);
  CHECK(same(disk.estimate(pictures), first));
  CHECK(disk.estimate(pictures, {.percentile = 0.0}).points.size(0) > first.points.size(0));
  CHECK(disk.runs == 1);
}

TEST_CASE("other pictures, sizes, dtypes and weights are looked at") {
  OnDisk disk;
  auto pictures = noise_pictures(2);
  disk.estimate(pictures);
  disk.estimate(pictures, {}, {.dtype = at::kBFloat16});
  CHECK(disk.runs == 2);
  std::swap(pictures[0], pictures[1]);
  disk.estimate(pictures);
  CHECK(disk.runs == 3);
  pictures[0] = noise_pictures(1, 28, 56)[0];
  disk.estimate(pictures, {.sizing = VggtSizing::square});
  CHECK(disk.runs == 4);
  disk.estimate(pictures, {.sizing = VggtSizing::pad});
  CHECK(disk.runs == 5);
  TensorMap tensors = tiny_vggt_tensors();
  tensors.at("camera_head.pose_branch.fc2.bias")[0] += 0.5;
  save_safetensors(disk.weights, tensors);
  disk.estimate(pictures, {.sizing = VggtSizing::pad});
  CHECK(disk.runs == 6);
  CHECK(disk.notices.empty());
}

TEST_CASE("a damaged file of the cache is a notice, and made again") {
  OnDisk disk;
  const auto pictures = noise_pictures(2);
  const SceneEstimate first = disk.estimate(pictures);
  std::string bytes;
  {
    std::ifstream stream(disk.cached(), std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(stream), {});
  }
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  std::ofstream(disk.cached(), std::ios::binary) << bytes;
  CHECK(same(disk.estimate(pictures), first));
  CHECK(disk.runs == 2);
  REQUIRE(disk.notices.size() == 1);
  CHECK(disk.notices[0].find("checksum") != std::string::npos);
  std::ofstream(disk.cached(), std::ios::binary) << "short";
  CHECK(same(disk.estimate(pictures), first));
  CHECK(disk.runs == 3);
}

TEST_CASE("pictures that show no scene are refused") {
  const Vggt network = tiny_network();
  const auto refused = [&](const std::vector<at::Tensor>& pictures, const char* text) {
    CHECK_THROWS_WITH_AS(estimate_cameras(network, pictures), doctest::Contains(text), ValueError);
  };
  auto pictures = noise_pictures(3);
  refused({}, "pictures: expected at least one, got none");
  refused({pictures[0], pictures[1], pictures[0].clone()},
          "pictures[0], pictures[2]: expected pictures of different places");
  refused({pictures[0], at::zeros({28, 28, 3}, at::kByte)},
          "pictures[1]: expected a picture that shows something, got one colour");
  refused({pictures[0], at::zeros({28, 28}, at::kByte)}, "pictures[1]: expected (H, W, 3) or (H, W, 4)");
  refused({pictures[0].to(at::kFloat)}, "pictures[0]: expected dtype uint8");
  CHECK_THROWS_WITH_AS(estimate_cameras(network, pictures, {.percentile = 101.0}), doctest::Contains("percentile"),
                       ValueError);
}

TEST_CASE("pictures that are nearly the same have no confidence") {
  auto pictures = noise_pictures(2);
  pictures[1] = pictures[0].clone();
  pictures[1][0][0][0] = 255 - pictures[1][0][0][0].item<int>();
  const SceneQuality quality = estimate_cameras(tiny_network(), pictures).quality;
  CHECK(quality.confidence == 0.0);
  bool warned = false;
  for (const Finding& finding : quality.warnings) warned = warned || finding.name == "same_view";
  CHECK(warned);
}

TEST_CASE("what is no camera is an error and not kept") {
  const auto refused = [](const char* name, std::int64_t index, double value, const char* text) {
    OnDisk disk;
    TensorMap tensors = tiny_vggt_tensors();
    tensors.at("camera_head.pose_branch.fc2.weight").zero_();
    tensors.at(name)[index] = value;
    save_safetensors(disk.weights, tensors);
    CHECK_THROWS_WITH_AS(disk.estimate(noise_pictures(2)), doctest::Contains(text), NumericalError);
    CHECK(!std::filesystem::exists(disk.folder.path / "cache"));
  };
  const char* const bias = "camera_head.pose_branch.fc2.bias";
  refused(bias, 7, 0.0, "pictures[0]: expected a field of view within 1..179 degrees");
  refused(bias, 8, 2.0, "pictures[0]: expected a field of view");
  refused(bias, 6, 0.0, "pictures[0]: expected a rotation of the network");
  refused(bias, 0, std::nan(""), "pictures[0]: expected finite cameras");
}

TEST_CASE("a callback can end the network's work") {
  const EstimateOptions options{.progress = [](std::int64_t, std::int64_t) { return false; }};
  CHECK_THROWS_AS(estimate_cameras(tiny_network(), noise_pictures(2), options), Interrupted);
}

TEST_CASE("progress counts to its end") {
  std::int64_t last = 0, all = 0;
  const EstimateOptions options{.chunk = 1, .progress = [&](std::int64_t done, std::int64_t total) {
                                  CHECK(done == last + 1);
                                  last = done;
                                  all = total;
                                  return true;
                                }};
  estimate_cameras(tiny_network(), noise_pictures(3), options);
  CHECK(last == all);
}
