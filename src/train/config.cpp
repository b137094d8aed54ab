// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/config.hpp>

#include <filesystem>

#include <action_images/tensor/json_fields.hpp>
#include <action_images/world/model_folder.hpp>

namespace action_images {
namespace {

using nlohmann::json;

constexpr const char* where = "train::config";

constexpr JsonNames<TrainPhase::Sequence, 2> sequence_names{
    {{TrainPhase::Sequence::joint, "joint"}, {TrainPhase::Sequence::image_to_action, "image_to_action"}}};
constexpr JsonNames<ObjectiveOptions::Levels, 2> level_names{
    {{ObjectiveOptions::Levels::continuous, "continuous"}, {ObjectiveOptions::Levels::schedule, "schedule"}}};
constexpr JsonNames<LearningRateOptions::Shape, 3> shape_names{{{LearningRateOptions::Shape::constant, "constant"},
                                                                {LearningRateOptions::Shape::linear, "linear"},
                                                                {LearningRateOptions::Shape::cosine, "cosine"}}};
constexpr JsonNames<TrainableOptions::Kind, 3> trainable_names{{{TrainableOptions::Kind::full, "full"},
                                                                {TrainableOptions::Kind::partial, "partial"},
                                                                {TrainableOptions::Kind::lora, "lora"}}};
constexpr JsonNames<Parallel, 3> parallel_names{
    {{Parallel::ddp, "ddp"}, {Parallel::zero1, "zero1"}, {Parallel::zero2, "zero2"}}};
constexpr JsonNames<OptimizerOptions::Kind, 2> optimizer_names{
    {{OptimizerOptions::Kind::adamw, "adamw"}, {OptimizerOptions::Kind::sgd, "sgd"}}};

// The config of the model that training starts from, as far as it is known before its weights are read.
WorldConfig world_config_of(const InitialModel& initial, const json& changes) {
  const std::filesystem::path folder = initial.checkpoint;
  if (folder.empty() || !is_model_folder(folder)) return world_config_from_json(changes);
  json merged = json_from(load_model_folder(folder).config);
  merged.merge_patch(changes);
  return world_config_from_json(merged);
}

TaskMixture read_tasks(JsonFields& fields, const TaskMixture& otherwise) {
  const json* found = fields.find("tasks");
  return found == nullptr ? otherwise : TaskMixture::from_json(*found);
}

TrainPhase read_phase(const json& object, const TaskMixture& tasks) {
  JsonFields fields(object, where, "phases[]");
  TrainPhase phase;
  fields.read_name("sequence", sequence_names, phase.sequence);
  fields.read("steps", phase.steps);
  fields.read("batch", phase.batch);
  phase.tasks = read_tasks(fields, tasks);
  fields.refuse_others();
  check<FormatError>(phase.steps >= 1 && phase.batch >= 1, where, "phases[].steps, batch", "positive numbers",
                     text_of(phase.steps, ", ", phase.batch));
  return phase;
}

void read_vae_fit(const json& object, VaeFitOptions& options) {
  JsonFields fields(object, where, "vae_fit");
  fields.read("clips", options.clips);
  fields.read("action_weight", options.action_weight);
  fields.read("std_power", options.std_power);
  fields.refuse_others();
}

Tiling read_tiling(const json& object) {
  JsonFields fields(object, where, "vae_tiling");
  Tiling tiling;
  fields.read("size", tiling.size);
  fields.read("stride", tiling.stride);
  fields.refuse_others();
  return tiling;
}

void read_objective(const json& object, ObjectiveOptions& options) {
  JsonFields fields(object, where, "objective");
  fields.read_name("levels", level_names, options.levels);
  fields.read("shift", options.shift);
  fields.read("high_noise_share", options.high_noise_share);
  fields.read("high_noise_from", options.high_noise_from);
  fields.read("min_weight_sigma", options.min_weight_sigma);
  fields.read("action_weight", options.action_weight);
  fields.refuse_others();
}

void read_optimizer(const json& object, OptimizerOptions& options) {
  JsonFields fields(object, where, "optimizer");
  fields.read_name("kind", optimizer_names, options.kind);
  fields.read("learning_rate", options.learning_rate);
  fields.read("beta1", options.beta1);
  fields.read("beta2", options.beta2);
  fields.read("epsilon", options.epsilon);
  fields.read("weight_decay", options.weight_decay);
  fields.read("momentum", options.momentum);
  fields.read("muon_learning_rate", options.muon_learning_rate);
  fields.read("muon_momentum", options.muon_momentum);
  fields.refuse_others();
}

void read_schedule(JsonFields& fields, LearningRateOptions& options) {
  fields.read_name("lr_schedule", shape_names, options.shape);
  fields.read("warmup_steps", options.warmup_steps);
  fields.read("decay_from", options.decay_from);
  fields.read("final_scale", options.final_scale);
}

void read_augmentation(const json& object, Augmentation& options) {
  JsonFields fields(object, where, "augmentation");
  fields.read("brightness", options.brightness);
  fields.read("contrast", options.contrast);
  fields.read("saturation", options.saturation);
  fields.read("crop", options.crop);
  fields.refuse_others();
}

void read_data(JsonFields& fields, TrainDataOptions& options) {
  fields.read("dataset_path", options.path);
  fields.read("dataset_name", options.name);
  fields.read("validation_path", options.validation);
  fields.read("cache", options.cache);
  fields.read("cached_clips", options.cached_clips);
  fields.read("frame_interval", options.interval);
  fields.read("views", options.views);
  if (const json* found = fields.find("augmentation")) read_augmentation(*found, options.augmentation);
  fields.read("loader_threads", options.threads);
  fields.read("max_bad_share", options.max_bad_share);
}

void read_trainable(JsonFields& fields, TrainableOptions& options) {
  fields.read_name("train", trainable_names, options.kind);
  if (const json* found = fields.find("lora")) {
    JsonFields lora(*found, where, "lora");
    lora.read("rank", options.lora.rank);
    lora.read("alpha", options.lora.alpha);
    lora.read("targets", options.lora.targets);
    lora.refuse_others();
  }
}

void read_checkpoint(JsonFields& fields, TrainConfig& config) {
  fields.read("checkpoint_every_n_steps", config.checkpoint.every_n_steps);
  fields.read("checkpoint_keep_last", config.checkpoint.keep_last);
  fields.read("checkpoint_keep_best", config.checkpoint.keep_best);
  fields.read("log_every_n_steps", config.log_every_n_steps);
  fields.read("validate_every_n_steps", config.validate_every_n_steps);
  fields.read("validation_clips", config.validation_clips);
  fields.read("sample_videos", config.sample_videos);
  fields.read("peak_tflops", config.peak_tflops);
}

void read_steps(JsonFields& fields, TrainConfig& config) {
  fields.read("seed", config.seed);
  fields.read("max_steps", config.max_steps);
  fields.read("batch_size", config.batch_size);
  fields.read("gradient_accumulation_steps", config.gradient_accumulation_steps);
  fields.read("first_action_known", config.first_action_known);
  fields.read("text_dropout", config.text_dropout);
  fields.read("synonyms", config.synonyms);
  fields.read("task_by_step", config.task_by_step);
  fields.read("max_grad_norm", config.max_grad_norm);
  fields.read("skip_grad_norm", config.skip_grad_norm);
  fields.read("max_skipped_steps", config.max_skipped_steps);
  fields.read("ema", config.ema);
  fields.read("bfloat16", config.bfloat16);
  fields.read("use_gradient_checkpointing", config.use_gradient_checkpointing);
  fields.read("use_gradient_checkpointing_offload", config.use_gradient_checkpointing_offload);
}

void check_range(bool condition, const std::string& key, const char* expected, double got) {
  check<FormatError>(condition, where, key, expected, got);
}

void check_ranges(const TrainConfig& config) {
  for (const auto& [key, count] : {std::pair{"log_every_n_steps", config.log_every_n_steps},
                                   {"checkpoint_every_n_steps", config.checkpoint.every_n_steps},
                                   {"checkpoint_keep_last", config.checkpoint.keep_last},
                                   {"validate_every_n_steps", config.validate_every_n_steps},
                                   {"validation_clips", config.validation_clips},
                                   {"batch_size", config.batch_size},
                                   {"gradient_accumulation_steps", config.gradient_accumulation_steps},
                                   {"loader_threads", config.data.threads}}) {
    check_range(count >= 1, key, "a positive number", static_cast<double>(count));
  }
  for (const auto& [key, share] : {std::pair{"first_action_known", config.first_action_known},
                                   {"text_dropout", config.text_dropout},
                                   {"max_bad_share", config.data.max_bad_share},
                                   {"ema", config.ema}}) {
    check_range(share >= 0 && share <= 1, key, "a number from 0 to 1", share);
  }
  for (const auto& [key, number] : {std::pair{"max_grad_norm", config.max_grad_norm},
                                    {"optimizer.learning_rate", config.optimizer.learning_rate},
                                    {"objective.shift", config.objective.shift}}) {
    check_range(number > 0, key, "a positive number", number);
  }
  check_range(config.max_steps >= 0, "max_steps", "a number >= 0", static_cast<double>(config.max_steps));
  check_range(!config.phases.empty() || config.max_steps > 0, "max_steps", "a positive number, or phases", 0);
  check_range(config.schedule.decay_from >= 0 && config.schedule.decay_from <= 1, "decay_from", "a number from 0 to 1",
              config.schedule.decay_from);
  for (const auto& [words, alternatives] : config.synonyms) {
    check<FormatError>(!alternatives.empty(), where, "synonyms." + words, "alternatives", "none");
  }
}

}  // namespace

std::int64_t TrainConfig::total_steps() const {
  if (max_steps > 0) return max_steps;
  std::int64_t steps = 0;
  for (const TrainPhase& phase : phases) steps += phase.steps;
  return steps;
}

const TrainPhase& TrainConfig::phase_at(std::int64_t step) const {
  check(step >= 0 && step < total_steps(), "train::TrainConfig", "step", text_of("0 .. ", total_steps() - 1), step);
  for (const TrainPhase& phase : phases) {
    if (step < phase.steps) return phase;
    step -= phase.steps;
  }
  return phases.back();
}

std::int64_t TrainConfig::first_sample(std::int64_t step) const {
  std::int64_t samples = 0;
  for (const TrainPhase& phase : phases) {
    const bool last = &phase == &phases.back();
    const std::int64_t steps = last ? step : std::min(step, phase.steps);
    samples += steps * phase.batch;
    step -= steps;
  }
  return samples;
}

TrainConfig train_config_from_json(const json& object, std::int64_t processes) {
  TrainConfig config;
  JsonFields fields(object, where, "config");
  fields.read("init_ckpt_path", config.initial.checkpoint);
  fields.read("base_path", config.initial.base);
  fields.read("model_id", config.initial.model_id);
  fields.read("vae_path", config.initial.vae);
  fields.read("resume_ckpt_path", config.resume);
  if (const json* found = fields.find("vae_tiling")) config.vae_tiling = read_tiling(*found);
  if (const json* found = fields.find("model")) {
    config.model = *found;
    check<FormatError>(found->is_object(), where, "model", "an object", found->type_name());
  }
  config.world = world_config_of(config.initial, config.model);
  if (const json* found = fields.find("vae_fit")) read_vae_fit(*found, config.vae_fit);
  if (const json* found = fields.find("objective")) read_objective(*found, config.objective);
  if (const json* found = fields.find("optimizer")) read_optimizer(*found, config.optimizer);
  fields.read("tokenizer", config.tokenizer);
  fields.read_name("parallel", parallel_names, config.parallel);
  read_data(fields, config.data);
  read_steps(fields, config);
  read_schedule(fields, config.schedule);
  read_trainable(fields, config.trainable);
  read_checkpoint(fields, config);
  config.tasks = read_tasks(fields, config.tasks);
  if (const json* found = fields.find("phases")) {
    for (const json& phase : *found) config.phases.push_back(read_phase(phase, config.tasks));
  }
  fields.refuse_others();
  check_ranges(config);
  config.trainable.lora.seed = config.seed;
  if (config.phases.empty()) {
    const std::int64_t batch = config.batch_size * config.gradient_accumulation_steps * processes;
    config.phases = {{.steps = config.max_steps, .batch = batch, .tasks = config.tasks}};
  }
  return config;
}

}  // namespace action_images
