// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/config.hpp>

#include <action_images/tensor/json_fields.hpp>

namespace action_images {
namespace {

using nlohmann::json;

constexpr JsonNames<TrainPhase::Sequence, 2> sequence_names{
    {{TrainPhase::Sequence::joint, "joint"}, {TrainPhase::Sequence::image_to_action, "image_to_action"}}};

TrainPhase read_phase(const json& object) {
  JsonFields fields(object, "train::config", "phases[]");
  TrainPhase phase;
  fields.read_name("sequence", sequence_names, phase.sequence);
  fields.read("steps", phase.steps);
  fields.read("batch", phase.batch);
  fields.read("tasks", phase.tasks);
  fields.refuse_others();
  for (const auto& [name, frequency] : phase.tasks) {
    task_from_name(name);
    check<FormatError>(frequency >= 0, "train::config", "phases[].tasks." + name, "a frequency >= 0", frequency);
  }
  check<FormatError>(!phase.tasks.empty(), "train::config", "phases[].tasks", "at least one", "none");
  check<FormatError>(phase.steps >= 1 && phase.batch >= 1, "train::config", "phases[].steps, batch", "positive numbers",
                     text_of(phase.steps, ", ", phase.batch));
  return phase;
}

void read_vae_fit(const json& object, VaeFitOptions& options) {
  JsonFields fields(object, "train::config", "vae_fit");
  fields.read("clips", options.clips);
  fields.read("action_weight", options.action_weight);
  fields.read("std_power", options.std_power);
  fields.refuse_others();
}

void read_objective(const json& object, ObjectiveOptions& options) {
  JsonFields fields(object, "train::config", "objective");
  fields.read("shift", options.shift);
  fields.read("high_noise_share", options.high_noise_share);
  fields.read("high_noise_from", options.high_noise_from);
  fields.read("min_weight_sigma", options.min_weight_sigma);
  fields.read("action_weight", options.action_weight);
  fields.refuse_others();
}

void read_optimizer(const json& object, OptimizerOptions& options) {
  JsonFields fields(object, "train::config", "optimizer");
  fields.read("learning_rate", options.learning_rate);
  fields.read("beta1", options.beta1);
  fields.read("beta2", options.beta2);
  fields.read("epsilon", options.epsilon);
  fields.read("weight_decay", options.weight_decay);
  fields.read("muon_learning_rate", options.muon_learning_rate);
  fields.read("muon_momentum", options.muon_momentum);
  fields.refuse_others();
}

void check_range(bool condition, const char* key, const char* expected, double got) {
  check<FormatError>(condition, "train::config", key, expected, got);
}

void check_ranges(const TrainConfig& config) {
  check_range(!config.phases.empty(), "phases", "at least one", 0);
  for (const auto& [key, count] : {std::pair{"log_every", config.log_every},
                                   {"checkpoint_every", config.checkpoint_every},
                                   {"validate_every", config.validate_every},
                                   {"validation_clips", config.validation_clips}}) {
    check_range(count >= 1, key, "a positive number", static_cast<double>(count));
  }
  for (const auto& [key, share] : {std::pair{"first_action_known", config.first_action_known},
                                   {"text_dropout", config.text_dropout},
                                   {"ema", config.ema}}) {
    check_range(share >= 0 && share <= 1, key, "a number from 0 to 1", share);
  }
  for (const auto& [words, alternatives] : config.synonyms) {
    check<FormatError>(!alternatives.empty(), "train::config", "synonyms." + words, "alternatives", "none");
  }
}

}  // namespace

std::int64_t TrainConfig::total_steps() const {
  std::int64_t steps = 0;
  for (const TrainPhase& phase : phases) steps += phase.steps;
  return steps;
}

const TrainPhase& TrainConfig::phase_at(std::int64_t step) const {
  for (const TrainPhase& phase : phases) {
    if (step < phase.steps) return phase;
    step -= phase.steps;
  }
  throw ValueError(expected_text("train::TrainConfig", "step", text_of("below ", total_steps()), text_of(step)));
}

TrainConfig train_config_from_json(const json& object) {
  TrainConfig config;
  JsonFields fields(object, "train::config", "config");
  if (const json* found = fields.find("model")) config.world = world_config_from_json(*found);
  if (const json* found = fields.find("vae_fit")) read_vae_fit(*found, config.vae_fit);
  if (const json* found = fields.find("objective")) read_objective(*found, config.objective);
  if (const json* found = fields.find("optimizer")) read_optimizer(*found, config.optimizer);
  if (const json* found = fields.find("phases")) {
    for (const json& phase : *found) config.phases.push_back(read_phase(phase));
  }
  fields.read("tokenizer", config.tokenizer);
  fields.read("data", config.data);
  fields.read("validation", config.validation);
  fields.read("cache", config.cache);
  fields.read("seed", config.seed);
  fields.read("first_action_known", config.first_action_known);
  fields.read("text_dropout", config.text_dropout);
  fields.read("synonyms", config.synonyms);
  fields.read("warmup", config.warmup);
  fields.read("decay_from", config.decay_from);
  fields.read("final_scale", config.final_scale);
  fields.read("clip_norm", config.clip_norm);
  fields.read("ema", config.ema);
  fields.read("bfloat16", config.bfloat16);
  fields.read("log_every", config.log_every);
  fields.read("checkpoint_every", config.checkpoint_every);
  fields.read("validate_every", config.validate_every);
  fields.read("validation_clips", config.validation_clips);
  fields.refuse_others();
  check_ranges(config);
  return config;
}

}  // namespace action_images
