// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/trainer.hpp>

#include <filesystem>

#include <unistd.h>

#include <doctest/doctest.h>

#include <action_images/tensor/safetensors.hpp>
#include <action_images/world/model_folder.hpp>
#include <action_images/world/world_model.hpp>

#include "../world/tiny_model.hpp"

using namespace action_images;
using namespace action_images::testing;

namespace {

namespace fs = std::filesystem;

struct TemporaryFolder {
  fs::path path = fs::temp_directory_path() / ("action_images_train_" + std::to_string(::getpid()));
  TemporaryFolder() { fs::create_directories(path); }
  ~TemporaryFolder() { fs::remove_all(path); }
};

// A shard of random clips with plausible cameras and still grippers.
void write_clips(const fs::path& folder, std::int64_t clips, std::uint64_t seed) {
  fs::create_directories(folder);
  const Rig rig = tiny_rig(2);
  at::Tensor intrinsics = at::empty({clips, 2, 3, 3}), poses = at::empty({clips, 2, 4, 4});
  for (int view = 0; view < 2; ++view) {
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 3; ++j) intrinsics.select(1, view).select(1, i).select(1, j).fill_(rig[view].intrinsics()(i, j));
    }
    for (int i = 0; i < 4; ++i) {
      for (int j = 0; j < 4; ++j) poses.select(1, view).select(1, i).select(1, j).fill_(rig[view].world_from_camera()(i, j));
    }
  }
  at::Tensor actions = 0.05 * seeded_noise({clips, 5, 7}, seed);
  actions.select(2, 6).fill_(1.0);
  const at::Tensor video = (seeded_noise({clips, 2, 5, 32, 32, 3}, seed + 1) * 40 + 128).clamp(0, 255).to(at::kByte);
  std::vector<std::string> texts(static_cast<std::size_t>(clips), "reach the red block");
  save_safetensors(folder / "shard-00000.safetensors",
                   {{"video", video}, {"actions", actions}, {"intrinsics", intrinsics}, {"world_from_camera", poses}},
                   {{"format", "action-images-clips"}, {"version", "1"}, {"texts", nlohmann::json(texts).dump()}});
}

TrainConfig tiny_training(const fs::path& folder) {
  TrainConfig config;
  config.world = tiny_config();
  config.world.views = 2;
  config.tokenizer = tokenizer_path();
  config.data = folder / "clips";
  config.validation = folder / "held_out";
  config.cache = folder / "latents";
  config.vae_fit.clips = 4;
  config.objective.high_noise_share = 0.5;
  config.optimizer.muon_learning_rate = 0.02;
  config.synonyms = {{"block", {"block", "cube"}}};
  config.warmup = 2;
  config.phases = {{.sequence = TrainPhase::Sequence::image_to_action, .steps = 2, .batch = 3},
                   {.sequence = TrainPhase::Sequence::joint, .steps = 4, .batch = 2,
                    .tasks = {{"i2va", 1}, {"a2v", 1}, {"v2a", 1}, {"i2v", 1}}}};
  config.log_every = 1;
  config.checkpoint_every = 100;
  config.validate_every = 100;
  config.validation_clips = 2;
  return config;
}

}  // namespace

TEST_CASE("training that is stopped and resumed ends with the weights of training that was not") {
  const TemporaryFolder folder;
  write_clips(folder.path / "clips", 6, 1);
  write_clips(folder.path / "held_out", 2, 50);
  const TrainConfig config = tiny_training(folder.path);

  CHECK(Trainer(config, folder.path / "straight", {}).run());
  const auto stop_after_three = [](const nlohmann::json& event) { return event["event"] != "log" || event["step"] != 3; };
  CHECK_FALSE(Trainer(config, folder.path / "resumed", stop_after_three).run());
  CHECK(Trainer(config, folder.path / "resumed", {}).run());

  const TensorMap straight = load_safetensors(folder.path / "straight" / "checkpoint.safetensors");
  const TensorMap resumed = load_safetensors(folder.path / "resumed" / "checkpoint.safetensors");
  REQUIRE(straight.size() == resumed.size());
  for (const auto& [name, tensor] : straight) CHECK_MESSAGE(resumed.at(name).equal(tensor), name);

  const WorldModel model = WorldModel::load(folder.path / "straight" / "model");
  CHECK(model.generate(random_pictures(2), "reach the red block", tiny_rig(2)).actions.size() == 5);
}

TEST_CASE("a checkpoint of another model is refused") {
  const TemporaryFolder folder;
  write_clips(folder.path / "clips", 3, 1);
  TrainConfig config = tiny_training(folder.path);
  config.validation.clear();
  config.phases.resize(1);
  CHECK(Trainer(config, folder.path / "run", {}).run());
  config.world.name = "other";
  CHECK_THROWS_AS(Trainer(config, folder.path / "run", {}), FormatError);
}

TEST_CASE("the loss falls while a small model sees the same two clips again and again") {
  const TemporaryFolder folder;
  write_clips(folder.path / "clips", 2, 1);
  TrainConfig config = tiny_training(folder.path);
  config.validation.clear();
  config.phases = {{.sequence = TrainPhase::Sequence::joint, .steps = 40, .batch = 4}};
  std::vector<double> losses;
  Trainer(config, folder.path / "run", [&](const nlohmann::json& event) {
    if (event["event"] == "log") losses.push_back(event["loss"]);
    return true;
  }).run();
  const double first = (losses[0] + losses[1] + losses[2]) / 3, last = (losses[37] + losses[38] + losses[39]) / 3;
  CHECK(last < 0.9 * first);
}

TEST_CASE("a training configuration names its unknown keys") {
  const nlohmann::json json{{"model", json_from(tiny_config())}, {"phases", {{{"steps", 3}}}}, {"lerning_rate", 1}};
  CHECK_THROWS_WITH_AS(train_config_from_json(json), "[train::config] config: expected documented keys only, got \"lerning_rate\"",
                       FormatError);
  CHECK_THROWS_AS(train_config_from_json({{"phases", nlohmann::json::array()}}), FormatError);
}
