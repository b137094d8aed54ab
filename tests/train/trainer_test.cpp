// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/trainer.hpp>

#include <filesystem>

#include <unistd.h>

#include <doctest/doctest.h>

#include <action_images/tensor/prefix.hpp>
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
  config.data = {.path = folder / "clips", .validation = folder / "held_out", .cached_clips = -1};
  config.vae_fit.clips = 4;
  config.objective.high_noise_share = 0.5;
  config.optimizer.muon_learning_rate = 0.02;
  config.synonyms = {{"block", {"block", "cube"}}};
  config.schedule.warmup_steps = 2;
  config.ema = 0.9;
  config.phases = {{.sequence = TrainPhase::Sequence::image_to_action, .steps = 2, .batch = 3},
                   {.sequence = TrainPhase::Sequence::joint, .steps = 4, .batch = 2,
                    .tasks = TaskMixture({{"i2va", 1}, {"a2v", 1}, {"v2a", 1}, {"i2v", 1}})}};
  config.log_every_n_steps = 1;
  config.checkpoint.every_n_steps = 100;
  config.validate_every_n_steps = 100;
  config.validation_clips = 2;
  return config;
}

bool train(const TrainConfig& config, const fs::path& output, const Trainer::Listener& listener = {}) {
  return Trainer(config, output, open_training_data(config), listener).run();
}

// Everything that a finished run keeps to go on from.
TensorMap last_state(const fs::path& output) {
  return CheckpointStore(output, ProcessGroup::alone()).newest()->tensors();
}

void check_equal(const TensorMap& tensors, const TensorMap& expected) {
  REQUIRE(tensors.size() == expected.size());
  for (const auto& [name, tensor] : expected) CHECK_MESSAGE(tensors.at(name).equal(tensor), name);
}

}  // namespace

TEST_CASE("training that is stopped and resumed ends with the weights of training that was not") {
  const TemporaryFolder folder;
  write_clips(folder.path / "clips", 6, 1);
  write_clips(folder.path / "held_out", 2, 50);
  const TrainConfig config = tiny_training(folder.path);

  CHECK(train(config, folder.path / "straight"));
  const auto stop_after_three = [](const nlohmann::json& event) { return event["event"] != "log" || event["step"] != 3; };
  CHECK_FALSE(train(config, folder.path / "resumed", stop_after_three));
  CHECK(train(config, folder.path / "resumed"));
  check_equal(last_state(folder.path / "resumed"), last_state(folder.path / "straight"));
  for (const char* name : {"model", "final_model.safetensors", ""}) {
    const WorldModel model = WorldModel::load(folder.path / "straight" / name);
    CHECK(model.generate(random_pictures(2), "reach the red block", tiny_rig(2)).actions.size() == 5);
  }
}

TEST_CASE("a checkpoint of another model is refused") {
  const TemporaryFolder folder;
  write_clips(folder.path / "clips", 3, 1);
  TrainConfig config = tiny_training(folder.path);
  config.data.validation.clear();
  config.phases.resize(1);
  CHECK(train(config, folder.path / "run"));
  config.world.name = "other";
  CHECK_THROWS_WITH_AS(train(config, folder.path / "run"), doctest::Contains("a checkpoint of this model config"), FormatError);
}

TEST_CASE("the loss falls while a small model sees the same two clips again and again") {
  const TemporaryFolder folder;
  write_clips(folder.path / "clips", 2, 1);
  TrainConfig config = tiny_training(folder.path);
  config.data.validation.clear();
  config.phases = {{.sequence = TrainPhase::Sequence::joint, .steps = 40, .batch = 4}};
  std::vector<double> losses;
  train(config, folder.path / "run", [&](const nlohmann::json& event) {
    if (event["event"] == "log") losses.push_back(event["loss"]);
    return true;
  });
  const double first = (losses[0] + losses[1] + losses[2]) / 3, last = (losses[37] + losses[38] + losses[39]) / 3;
  CHECK(last < 0.9 * first);
}

TEST_CASE("clips that are encoded when they are drawn train like clips that are kept") {
  const TemporaryFolder folder;
  write_clips(folder.path / "clips", 1, 1);  // one clip: both ways draw it every time
  TrainConfig config = tiny_training(folder.path);
  config.data.validation.clear();
  config.vae_fit.clips = 1;
  config.optimizer = {.kind = OptimizerOptions::Kind::sgd, .learning_rate = 0.01};
  CHECK(train(config, folder.path / "kept"));
  config.data.cached_clips = 0;
  CHECK(train(config, folder.path / "drawn"));
  const TensorMap kept = last_state(folder.path / "kept"), drawn = last_state(folder.path / "drawn");
  for (const auto& [name, tensor] : without_prefix(kept, "parameters.")) {
    // Kept latents are in half precision.
    CHECK_MESSAGE(at::allclose(drawn.at("parameters." + name), tensor, 0.0, 1e-3), name);
  }
}

TEST_CASE("several backward passes a step train like one") {
  const TemporaryFolder folder;
  write_clips(folder.path / "clips", 4, 1);
  TrainConfig config = tiny_training(folder.path);
  config.data.validation.clear();
  config.optimizer = {.kind = OptimizerOptions::Kind::sgd, .learning_rate = 0.01, .momentum = 0.9};
  config.phases = {{.steps = 3, .batch = 4, .tasks = TaskMixture({{"i2va", 1}, {"v2a", 1}})}};
  CHECK(train(config, folder.path / "one"));
  config.gradient_accumulation_steps = 4;
  CHECK(train(config, folder.path / "four"));
  const TensorMap one = last_state(folder.path / "one"), four = last_state(folder.path / "four");
  for (const auto& [name, tensor] : one) CHECK_MESSAGE(at::allclose(four.at(name), tensor, 1e-5, 1e-6), name);
}

TEST_CASE("gradient checkpointing changes nothing") {
  const TemporaryFolder folder;
  write_clips(folder.path / "clips", 3, 1);
  TrainConfig config = tiny_training(folder.path);
  config.data.validation.clear();
  CHECK(train(config, folder.path / "plain"));
  config.use_gradient_checkpointing = config.use_gradient_checkpointing_offload = true;
  CHECK(train(config, folder.path / "checkpointed"));
  check_equal(last_state(folder.path / "checkpointed"), last_state(folder.path / "plain"));
}

TEST_CASE("a part of the parameters trains, and the others stay") {
  const TemporaryFolder folder;
  write_clips(folder.path / "clips", 3, 1);
  TrainConfig config = tiny_training(folder.path);
  config.data.validation.clear();
  config.trainable.kind = TrainableOptions::Kind::partial;
  CHECK(train(config, folder.path / "run"));
  const TensorMap state = last_state(folder.path / "run");
  CHECK(state.count("parameters.transformer.blocks.0.self_attn.q.weight") == 1);
  CHECK(state.count("parameters.transformer.blocks.0.ffn.0.weight") == 0);
  WorldNetwork start(config.world);
  start.initialize(config.seed);
  const TensorMap first = start.state(), last = load_safetensors(folder.path / "run" / "final_model.safetensors");
  CHECK(last.at("transformer.blocks.0.ffn.0.weight").equal(first.at("transformer.blocks.0.ffn.0.weight")));
  CHECK_FALSE(last.at("transformer.blocks.0.self_attn.q.weight").equal(first.at("transformer.blocks.0.self_attn.q.weight")));
}

TEST_CASE("low-rank changes start as none, train, and merge into the model that is saved") {
  const TemporaryFolder folder;
  write_clips(folder.path / "clips", 3, 1);
  TrainConfig config = tiny_training(folder.path);
  config.data.validation.clear();
  CHECK(train(config, folder.path / "base"));
  config.initial.checkpoint = folder.path / "base" / "model";
  config.trainable = {.kind = TrainableOptions::Kind::lora, .lora = {.rank = 2, .alpha = 4.0}};
  CHECK(train(config, folder.path / "tuned"));
  for (const auto& [name, tensor] : last_state(folder.path / "tuned")) {
    if (name.starts_with("parameters.")) CHECK(name.find(".lora_") != name.npos);
  }
  const TensorMap base = load_safetensors(folder.path / "base" / "model" / "model.safetensors");
  const TensorMap tuned = load_safetensors(folder.path / "tuned" / "final_model.safetensors");
  const std::string changed = "transformer.blocks.0.self_attn.q.weight", kept = "transformer.blocks.0.ffn.0.weight";
  CHECK_FALSE(tuned.at(changed).equal(base.at(changed).to(at::kFloat)));
  CHECK(tuned.at(kept).equal(base.at(kept).to(at::kFloat)));
  CHECK(fs::exists(folder.path / "tuned" / "lora.safetensors"));
}

TEST_CASE("steps without a finite gradient are skipped, counted, and too many of them end the run") {
  const TemporaryFolder folder;
  write_clips(folder.path / "clips", 2, 1);
  TrainConfig config = tiny_training(folder.path);
  config.data.validation.clear();
  config.skip_grad_norm = 1e-12;  // every step is longer
  config.max_skipped_steps = 100;
  std::vector<nlohmann::json> skipped;
  CHECK(train(config, folder.path / "run", [&](const nlohmann::json& event) {
    if (event["event"] == "skipped") skipped.push_back(event);
    return true;
  }));
  CHECK(static_cast<std::int64_t>(skipped.size()) == config.total_steps());
  CHECK(skipped.back()["samples"][0][1].get<std::string>().find("clips") != std::string::npos);
  config.max_skipped_steps = 1;
  CHECK_THROWS_WITH_AS(train(config, folder.path / "other"), doctest::Contains("at most 1 skipped steps"), NumericalError);
}

TEST_CASE("a cache that was named and made with other options is refused") {
  const TemporaryFolder folder;
  write_clips(folder.path / "clips", 2, 1);
  TrainConfig config = tiny_training(folder.path);
  config.data.validation.clear();
  config.data.cache = folder.path / "cache";
  CHECK(train(config, folder.path / "run"));
  config.world.codec.axis_length = 0.2;
  CHECK_THROWS_WITH_AS(train(config, folder.path / "other"), doctest::Contains("remove the cache"), FormatError);
}

TEST_CASE("the last phase goes on to max_steps, and samples are counted through the phases") {
  TrainConfig config;
  config.phases = {{.steps = 2, .batch = 3}, {.steps = 4, .batch = 5}};
  CHECK(config.total_steps() == 6);
  CHECK(config.first_sample(1) == 3);
  CHECK(config.first_sample(4) == 16);
  config.max_steps = 10;
  CHECK(config.total_steps() == 10);
  CHECK(config.phase_at(9).batch == 5);
  CHECK(config.first_sample(10) == 46);
  config.max_steps = 1;
  CHECK_THROWS_AS(config.phase_at(1), ValueError);
}

TEST_CASE("a training configuration names its unknown keys") {
  const nlohmann::json json{{"model", json_from(tiny_config())}, {"phases", {{{"steps", 3}}}}, {"lerning_rate", 1}};
  CHECK_THROWS_WITH_AS(train_config_from_json(json), "[train::config] config: expected documented keys only, got \"lerning_rate\"",
                       FormatError);
  CHECK_THROWS_AS(train_config_from_json({{"phases", nlohmann::json::array()}}), FormatError);
}
