// SPDX-License-Identifier: Apache-2.0
#include <action_images/vggt/load.hpp>

#include <fstream>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <action_images/core/error.hpp>
#include <action_images/core/interrupted.hpp>
#include <action_images/tensor/safetensors.hpp>

#include "scene.hpp"

using namespace action_images;
using namespace action_images::testing;

namespace {

void write_text(const std::filesystem::path& path, const std::string& text) { std::ofstream(path) << text; }

}  // namespace

TEST_CASE("a network's sizes are read from the shapes of its tensors") {
  const VggtConfig config = tiny_vggt_config();
  CHECK(vggt_config_json(vggt_config_from_tensors(tiny_vggt_tensors())) == vggt_config_json(config));
}

TEST_CASE("what shapes do not tell is taken from a config.json beside the weights, published keys are passed over") {
  const Folder folder;
  VggtConfig config = tiny_vggt_config();
  config.cam_heads = 4;
  config.taps = {1, 1, 2, 3};
  save_safetensors(folder.path / "model.safetensors", tiny_vggt_tensors(config));
  write_text(folder.path / "config.json",
             R"({"img_size": 518, "embed_dim": 1024, "cam_heads": 4, "taps": [1, 1, 2, 3]})");
  CHECK(vggt_config_json(load_vggt(folder.path).config()) == vggt_config_json(config));
  CHECK(vggt_config_json(vggt_config_of(folder.path)) == vggt_config_json(config));
  write_text(folder.path / "config.json", "{");
  CHECK_THROWS_WITH_AS(load_vggt(folder.path), doctest::Contains("an object of JSON"), FormatError);
}

TEST_CASE("the tracking head is not read, and what was not saved as float32 becomes it in the heads") {
  const Folder folder;
  TensorMap tensors = tiny_vggt_tensors();
  for (auto& [name, tensor] : tensors) tensor = tensor.to(at::kBFloat16);
  tensors.emplace("track_head.x", at::zeros({3}));
  save_safetensors(folder.path / "model.safetensors", tensors);
  const Vggt network = load_vggt(folder.path, {.dtype = at::kBFloat16});
  CHECK((network.parameters().at("camera_head.embed_pose.weight").scalar_type() == at::kFloat));
  CHECK((network.parameters().at("aggregator.camera_token").scalar_type() == at::kBFloat16));
}

TEST_CASE("a half-precision trunk is the same as one that is cast after loading") {
  const Folder folder;
  const TensorMap tensors = tiny_vggt_tensors();
  save_safetensors(folder.path / "model.safetensors", tensors);
  const Vggt loaded = load_vggt(folder.path, {.dtype = at::kBFloat16});
  Vggt cast(tiny_vggt_config());
  cast.parameters().load(tensors);
  cast.trunk_to(at::kBFloat16);
  const at::Tensor images = at::rand({1, 2, 3, 28, 28});
  CHECK(at::equal(loaded.forward(images).pose_enc, cast.forward(images).pose_enc));
}

TEST_CASE("missing, extra and mis-shaped tensors are listed, other files refused") {
  const Folder folder;
  TensorMap tensors = tiny_vggt_tensors();
  tensors.erase("depth_head.norm.bias");
  tensors["point_head.norm.bias"] = at::zeros({5});
  tensors["extra"] = at::zeros({1});
  save_safetensors(folder.path / "model.safetensors", tensors);
  CHECK_THROWS_WITH_AS(load_vggt(folder.path),
                       doctest::Contains("missing (1): depth_head.norm.bias; unexpected (1): extra; mis-shaped (1): "
                                         "point_head.norm.bias expected (32,) got (5,)"),
                       FormatError);
  save_safetensors(folder.path / "model.safetensors", {{"x", at::zeros({1})}});
  CHECK_THROWS_WITH_AS(load_vggt(folder.path), doctest::Contains("VGGT's tensors under their published names"),
                       FormatError);
  write_text(folder.path / "model.safetensors", "damaged");
  CHECK_THROWS_AS(load_vggt(folder.path), FormatError);
  CHECK_THROWS_WITH_AS(load_vggt(folder.path / "none"), doctest::Contains("got nothing there"), FormatError);
  CHECK_THROWS_WITH_AS(load_vggt(folder.path, {.dtype = at::kDouble}), doctest::Contains("float32, bfloat16"),
                       ValueError);
}

TEST_CASE("loading counts bytes and stops when asked to") {
  const Folder folder;
  save_safetensors(folder.path / "model.safetensors", tiny_vggt_tensors());
  std::uint64_t last = 0, total = 0;
  load_vggt(folder.path, {.dtype = at::kBFloat16, .progress = [&](const LoadProgress& now) {
                            CHECK(now.done >= last);
                            last = now.done;
                            total = now.total;
                            return true;
                          }});
  CHECK(last == total);
  CHECK_THROWS_AS(load_vggt(folder.path, {.progress = [](const LoadProgress&) { return false; }}), Interrupted);
}
