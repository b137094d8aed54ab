// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/model_files.hpp>

#include <filesystem>
#include <fstream>
#include <initializer_list>

#include <unistd.h>

#include <doctest/doctest.h>

#include <action_images/core/error.hpp>
#include <action_images/world/presets.hpp>

using namespace action_images;
namespace fs = std::filesystem;

namespace {

struct Folder {
  fs::path path = fs::temp_directory_path() / ("action_images_files_" + std::to_string(::getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }

  void touch(std::initializer_list<const char*> names) const {
    for (const char* name : names) {
      fs::create_directories((path / name).parent_path());
      std::ofstream(path / name) << '.';
    }
  }
};

std::string refusal(const ModelSource& source) {
  try {
    find_model_files(source);
  } catch (const FormatError& error) {
    return error.what();
  }
  return "accepted";
}

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

constexpr auto umt5 = "models_t5_umt5-xxl-enc-bf16.pth";

}  // namespace

TEST_CASE("a checkpoint's other parts come from the base, then from where the release keeps them") {
  const Folder folder;
  folder.touch({"run/step9.ckpt", "base/Wan2.2_VAE.pth", "checkpoints/Wan-AI/Wan2.2-TI2V-5B/Wan2.2_VAE.pth",
                "checkpoints/Wan-AI/Wan2.2-TI2V-5B/models_t5_umt5-xxl-enc-bf16.pth",
                "checkpoints/Wan-AI/Wan2.2-TI2V-5B/google/umt5-xxl/spiece.model"});
  ModelSource source{.model = folder.path / "run/step9.ckpt",
                     .base = folder.path / "base",
                     .checkpoints = folder.path / "checkpoints"};
  const ModelFiles files = find_model_files(source);
  CHECK(files.transformer == ModelFiles::Paths{folder.path / "run/step9.ckpt"});
  CHECK(files.vae == ModelFiles::Paths{folder.path / "base/Wan2.2_VAE.pth"});
  CHECK(files.text_encoder.front().filename() == umt5);
  CHECK(files.tokenizer.filename() == "spiece.model");
  CHECK_FALSE(files.packed());

  source.model = folder.path / "run";
  CHECK(find_model_files(source).transformer == files.transformer);
  folder.touch({"run/step10.ckpt"});
  CHECK(says(refusal(source), "one .ckpt"));
}

TEST_CASE("shards are found together, with or without an index, and missing ones are named") {
  const Folder folder;
  folder.touch({"diffusion_pytorch_model-00001-of-00003.safetensors",
                "diffusion_pytorch_model-00003-of-00003.safetensors", "Wan2.1_VAE.pth", umt5,
                "google/umt5-xxl/spiece.model", "models_clip_x.pth", "config.json"});
  const std::string text = refusal({.model = folder.path});
  CHECK(says(text, "diffusion_pytorch_model-00002-of-00003.safetensors"));
  CHECK_FALSE(says(text, "Wan2.1_VAE.pth"));
  folder.touch(
      {"diffusion_pytorch_model-00002-of-00003.safetensors", "diffusion_pytorch_model.safetensors.index.json"});
  const ModelFiles files = find_model_files({.model = folder.path});
  CHECK(files.transformer.size() == 3);
  CHECK(files.transformer_config == folder.path / "config.json");
  CHECK(files.image_encoder.size() == 1);
  folder.touch({"diffusion_pytorch_model.fp16-00001-of-00002.safetensors"});
  CHECK(says(refusal({.model = folder.path}), "one file, or the shards of one"));
}

TEST_CASE("everything that is missing is named at once, and where it was looked for") {
  const Folder folder;
  const std::string text = refusal({.model = folder.path});
  for (const char* part : {"transformer", "config.json", umt5, "Wan2.2_VAE.pth", "google/umt5-xxl/spiece.model"}) {
    CHECK_MESSAGE(says(text, part), text);
  }
  CHECK(says(text, folder.path.string()));
  CHECK(says(refusal({.model = folder.path / "nowhere"}), "nowhere"));
  folder.touch({umt5, "google/umt5-xxl/spiece.model"});
  CHECK(find_text_files({.model = folder.path}).text_encoder.size() == 1);
}

TEST_CASE("a folder of diffusers and one of ours are told apart by what is in them") {
  const Folder folder;
  folder.touch({"transformer/diffusion_pytorch_model.safetensors", "transformer/config.json", "tokenizer/spiece.model",
                "vae/diffusion_pytorch_model.safetensors", "text_encoder/model-00001-of-00001.safetensors"});
  const ModelFiles files = find_model_files({.model = folder.path});
  CHECK(files.transformer_config == folder.path / "transformer/config.json");
  CHECK(files.vae.front().parent_path().filename() == "vae");
  folder.touch({"model.safetensors", "config.json"});
  CHECK(says(refusal({.model = folder.path}), "tokenizer.model"));
  folder.touch({"tokenizer.model"});
  CHECK(find_model_files({.model = folder.path}).packed());
}

TEST_CASE("presets are known by their sizes, and survive JSON") {
  for (const std::string& name : world_preset_names()) {
    const WorldConfig config = world_preset(name);
    const nlohmann::json json = json_from(config);
    CHECK(json_from(world_config_from_json(json)) == json);
    CHECK(config.transformer.camera_channels == 2 * config.transformer.out_dim);
    CHECK(world_preset_of(config.transformer) == (name == "wan2.2-ti2v-5b" ? "action-images-5b" : name));
  }
  CHECK(world_preset_of(WanConfig{.dim = 48, .num_heads = 2}) == "released");
  CHECK_THROWS_AS(world_preset("embedded-9b"), ValueError);
}
