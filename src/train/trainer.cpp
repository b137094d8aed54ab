// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/trainer.hpp>

#include <algorithm>
#include <fstream>
#include <numeric>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>

#include <action_images/tensor/prefix.hpp>
#include <action_images/tensor/safetensors.hpp>
#include <action_images/train/validation.hpp>
#include <action_images/world/instruction.hpp>
#include <action_images/vae/patch_vae.hpp>
#include <action_images/world/conditioning.hpp>
#include <action_images/world/model_folder.hpp>

namespace action_images {
namespace {

// Mixes the seed and the step (splitmix64), so that neighbouring steps draw unrelated numbers.
std::uint64_t step_seed(std::uint64_t seed, std::int64_t step) {
  std::uint64_t mixed = seed * 0x9E3779B97F4A7C15ULL + static_cast<std::uint64_t>(step) + 0x9E3779B97F4A7C15ULL;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ULL;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
  return mixed ^ (mixed >> 31);
}

double draw_uniform(at::Generator& generator) { return at::rand({}, generator, at::kDouble).item<double>(); }

std::int64_t draw_index(std::int64_t count, at::Generator& generator) {
  return std::min(static_cast<std::int64_t>(draw_uniform(generator) * static_cast<double>(count)), count - 1);
}

Task draw_task(const std::map<std::string, double>& tasks, at::Generator& generator) {
  double total = 0.0;
  for (const auto& [name, frequency] : tasks) total += frequency;
  double rest = draw_uniform(generator) * total;
  for (const auto& [name, frequency] : tasks) {
    rest -= frequency;
    if (rest < 0) return task_from_name(name);
  }
  return task_from_name(tasks.rbegin()->first);
}

}  // namespace

Trainer::Trainer(TrainConfig config, std::filesystem::path output, Listener listener)
    : config_(std::move(config)),
      output_(std::move(output)),
      listener_(std::move(listener)),
      tokenizer_(config_.tokenizer, {.lower_case = config_.world.lower_case}),
      vae_(make_video_vae(config_.world.vae)),
      master_(config_.world),
      compute_(config_.world) {
  std::filesystem::create_directories(output_);
  const ClipDataset clips(config_.data);
  prepare_vae(clips);
  const std::filesystem::path cache = config_.cache.empty() ? output_ / "latents" : std::filesystem::path(config_.cache);
  const auto progress = [this](std::size_t done, std::size_t all) {
    return report({{"event", "cache"}, {"done", done}, {"all", all}});
  };
  data_ = std::make_unique<LatentDataset>(clips, cache / "train", config_.world, *vae_, progress);
  if (!config_.validation.empty()) {
    const ClipDataset held_out(config_.validation);
    validation_ = std::make_unique<LatentDataset>(held_out, cache / "validation", config_.world, *vae_);
  }
  master_.initialize(config_.seed);
  compute_.to(config_.bfloat16 ? at::kBFloat16 : at::kFloat);
  compute_.requires_grad(true);
  optimizer_ = std::make_unique<Optimizer>(master_.state(), config_.optimizer);
  for (const auto& [name, tensor] : master_.state()) average_[name] = tensor.clone();
  load_checkpoint();
  compute_.load(master_.state());
}

void Trainer::prepare_vae(const ClipDataset& clips) {
  const auto file = output_ / "vae.safetensors";
  if (!std::filesystem::exists(file)) {
    check(config_.world.vae.value("kind", "") == "patch", "train::Trainer", "model.vae.kind",
          "\"patch\", or vae.safetensors in the output folder", config_.world.vae.dump());
    const PatchVaeConfig vae_config = patch_vae_config(config_.world.vae);
    PatchVaeFit fit(vae_config);
    std::int64_t seen = 0;
    for (std::size_t index = 0; index < clips.shards().size() && seen < config_.vae_fit.clips; ++index) {
      const ClipShard shard = clips.shard(index);
      for (std::int64_t clip = 0; clip < shard.size() && seen < config_.vae_fit.clips; ++clip, ++seen) {
        fit.add(normalized_from_pixels(shard.video[clip]));
        fit.add(draw_actions(shard.trajectory(clip), shard.rig(clip), config_.world), config_.vae_fit.action_weight);
      }
    }
    save_safetensors(file, fit.solve(vae_config.channels, config_.vae_fit.std_power).parameters().state());
  }
  vae_->parameters().load(load_safetensors(file));
}

bool Trainer::run() {
  while (step_ < config_.total_steps()) {
    step();
    bool go_on = true;
    if (step_ % config_.log_every == 0) {
      const double n = static_cast<double>(std::max<std::int64_t>(steps_since_log_, 1));
      go_on = report({{"event", "log"}, {"step", step_}, {"steps", config_.total_steps()}, {"loss", loss_sum_ / n},
                      {"action_mse", action_sum_ / n}, {"video_mse", video_sum_ / n}});
      loss_sum_ = action_sum_ = video_sum_ = 0.0;
      steps_since_log_ = 0;
    }
    if (step_ % config_.validate_every == 0) go_on = validate() && go_on;
    if (step_ % config_.checkpoint_every == 0 || !go_on) save_checkpoint();
    if (!go_on) return false;
  }
  save_checkpoint();
  save_model();
  validate();
  report({{"event", "done"}, {"step", step_}});
  return true;
}

void Trainer::step() {
  at::Generator generator = at::detail::createCPUGenerator(step_seed(config_.seed, step_));
  const WorldInputs inputs = draw_inputs(config_.phase_at(step_), generator);
  const ObjectiveLoss loss = world_loss(compute_, inputs, config_.objective, generator);
  loss.total.backward();
  const double value = loss.total.item<double>();
  if (!std::isfinite(value)) {
    throw NumericalError(expected_text("train::Trainer", "loss", text_of("a finite number at step ", step_), text_of(value)));
  }
  TensorMap gradients = this->gradients();
  clip_gradient_norm(gradients, config_.clip_norm);
  optimizer_->step(gradients, learning_rate_scale());
  compute_.load(master_.state());
  update_average();
  ++step_;
  ++steps_since_log_;
  loss_sum_ += value;
  action_sum_ += loss.action_mse;
  video_sum_ += loss.video_mse;
}

std::string Trainer::draw_text(const std::string& text, at::Generator& generator) const {
  if (draw_uniform(generator) < config_.text_dropout) return {};
  std::string drawn = config_.world.clean_instructions ? clean_instruction(text) : text;
  for (const auto& [words, alternatives] : config_.synonyms) {
    const auto& chosen = alternatives[static_cast<std::size_t>(
        draw_index(static_cast<std::int64_t>(alternatives.size()), generator))];
    if (const auto found = drawn.find(words); found != std::string::npos) drawn.replace(found, words.size(), chosen);
  }
  return drawn;
}

WorldInputs Trainer::draw_inputs(const TrainPhase& phase, at::Generator& generator) const {
  std::vector<std::int64_t> clips(static_cast<std::size_t>(phase.batch));
  for (auto& clip : clips) clip = draw_index(data_->size(), generator);
  LatentBatch batch = data_->batch(clips);
  for (std::string& text : batch.texts) text = draw_text(text, generator);
  const TokenizedText text = tokenizer_.encode(batch.texts, config_.world.text_length);

  const std::int64_t views = batch.video.size(1);
  const std::int64_t latent_frames = batch.video.size(3);
  const Task task = draw_task(phase.tasks, generator);
  const bool joint = phase.sequence == TrainPhase::Sequence::joint;
  const bool known = task == Task::a2v || draw_uniform(generator) < config_.first_action_known;
  return {.packing = joint ? Packing::of(task, views, latent_frames)
                           : Packing::image_to_action({draw_index(views, generator)}, latent_frames),
          .task = task,
          .first_action_known = known,
          .video = batch.video,
          .action = batch.action,
          .camera = batch.camera,
          .first_frames = config_.world.transformer.image_stem.empty() ? at::Tensor() : batch.first_frames,
          .text_ids = text.ids,
          .text_mask = text.mask};
}

TensorMap Trainer::gradients() const {
  TensorMap gradients;
  const at::NoGradGuard no_gradients;
  const auto collect = [&](const Parameters& parameters, const std::string& prefix) {
    for (const auto& [name, tensor] : parameters.named()) {
      if (tensor.grad().defined()) gradients[prefix + name] = tensor.grad().to(at::kFloat);
      tensor.mutable_grad().reset();
    }
  };
  collect(compute_.transformer().parameters(), "transformer.");
  collect(compute_.text_encoder().parameters(), "text_encoder.");
  return gradients;
}

void Trainer::update_average() {
  const at::NoGradGuard no_gradients;
  // Early in training the average follows faster, or it would remember the random start.
  const double decay = std::min(config_.ema, (1.0 + static_cast<double>(step_)) / (10.0 + static_cast<double>(step_)));
  for (const auto& [name, tensor] : master_.state()) average_.at(name).lerp_(tensor, 1.0 - decay);
}

double Trainer::learning_rate_scale() const {
  const double done = static_cast<double>(step_) / static_cast<double>(config_.total_steps());
  const double warmup = std::min(1.0, static_cast<double>(step_ + 1) / static_cast<double>(std::max<std::int64_t>(config_.warmup, 1)));
  if (done < config_.decay_from) return warmup;
  return warmup * std::max(config_.final_scale, (1.0 - done) / (1.0 - config_.decay_from));
}

bool Trainer::validate() {
  if (!validation_) return true;
  WorldNetwork network(config_.world);
  network.load(average_);
  network.to(config_.bfloat16 ? at::kBFloat16 : at::kFloat);
  nlohmann::json event = validate_plans(network, *vae_, *validation_, tokenizer_, config_.validation_clips);
  event["event"] = "validation";
  event["step"] = step_;
  return report(std::move(event));
}

bool Trainer::report(nlohmann::json event) {
  std::ofstream(output_ / "log.jsonl", std::ios::app) << event.dump() << '\n';
  return !listener_ || listener_(event);
}

void Trainer::save_checkpoint() const {
  TensorMap state = with_prefix(master_.state(), "master.");
  state.merge(with_prefix(average_, "average."));
  state.merge(with_prefix(optimizer_->state(), "optimizer."));
  save_safetensors(output_ / "checkpoint.safetensors", state,
                   {{"step", std::to_string(step_)}, {"model", json_from(config_.world).dump()}});
}

void Trainer::load_checkpoint() {
  const auto file = output_ / "checkpoint.safetensors";
  if (!std::filesystem::exists(file)) return;
  const SafetensorsFile checkpoint(file);
  check<FormatError>(checkpoint.metadata().at("model") == json_from(config_.world).dump(), "train::Trainer", file.string(),
                     "a checkpoint of this model config", "one of another");
  const TensorMap state = load_safetensors(file);
  master_.load(without_prefix(state, "master."));
  for (const auto& [name, tensor] : without_prefix(state, "average.")) average_.at(name).copy_(tensor);
  optimizer_->load(without_prefix(state, "optimizer."));
  step_ = std::stoll(checkpoint.metadata().at("step"));
}

void Trainer::save_model() {
  ModelFolder model{config_.world, config_.ema > 0 ? average_ : master_.state(), config_.tokenizer};
  model.tensors.merge(with_prefix(vae_->parameters().state(), "vae."));
  for (auto& [name, tensor] : model.tensors) tensor = tensor.to(at::kHalf);
  save_model_folder(output_ / "model", model);
}

}  // namespace action_images
