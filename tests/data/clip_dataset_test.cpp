// SPDX-License-Identifier: Apache-2.0
#include <action_images/data/clip_dataset.hpp>

#include <unistd.h>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <action_images/core/error.hpp>
#include <action_images/tensor/safetensors.hpp>

using namespace action_images;

namespace {

namespace fs = std::filesystem;

struct TemporaryFolder {
  fs::path path = fs::temp_directory_path() / ("action_images_data_" + std::to_string(::getpid()));
  TemporaryFolder() { fs::create_directories(path); }
  ~TemporaryFolder() { fs::remove_all(path); }
};

TensorMap clips(std::int64_t count) {
  const at::Tensor intrinsics = at::tensor({50.0F, 0.0F, 8.0F, 0.0F, 50.0F, 8.0F, 0.0F, 0.0F, 1.0F}).view({3, 3});
  return {{"video", at::zeros({count, 2, 5, 16, 16, 3}, at::kByte)},
          {"actions", at::arange(count * 35, at::kFloat).view({count, 5, 7})},
          {"intrinsics", intrinsics.expand({count, 2, 3, 3}).contiguous()},
          {"world_from_camera", at::eye(4).expand({count, 2, 4, 4}).contiguous()}};
}

}  // namespace

TEST_CASE("clips come back with their actions, cameras and texts") {
  const TemporaryFolder folder;
  save_safetensors(folder.path / "shard-00000.safetensors", clips(2), {{"texts", R"(["a", "b"])"}});
  const ClipDataset dataset(folder.path);
  REQUIRE(dataset.shards().size() == 1);
  const ClipShard shard = dataset.shard(0);
  CHECK(shard.size() == 2);
  CHECK(shard.texts[1] == "b");
  CHECK(shard.trajectory(1)[0].position == Eigen::Vector3d(35, 36, 37));
  CHECK(shard.rig(0)[1].intrinsics()(0, 0) == 50.0);
}

TEST_CASE("folders and shards that do not keep the format are refused") {
  const TemporaryFolder folder;
  CHECK_THROWS_AS(ClipDataset{folder.path}, FormatError);
  save_safetensors(folder.path / "shard-00000.safetensors", clips(2), {{"texts", R"(["a"])"}});
  CHECK_THROWS_AS(ClipDataset(folder.path).shard(0), FormatError);
  save_safetensors(folder.path / "shard-00000.safetensors", clips(2), {});
  CHECK_THROWS_AS(ClipDataset(folder.path).shard(0), FormatError);
  TensorMap wrong = clips(2);
  wrong["actions"] = at::zeros({2, 5});
  save_safetensors(folder.path / "shard-00000.safetensors", wrong, {{"texts", R"(["a", "b"])"}});
  CHECK_THROWS_AS(ClipDataset(folder.path).shard(0), FormatError);
}
