// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/action_head_training.hpp>

#include <cmath>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>
#include <action_images/tensor/json_fields.hpp>

namespace action_images {
namespace {

constexpr const char* where = "train::train_action_head";

void check_options(const ActionHeadTrainingOptions& options) {
  check(options.steps >= 1, where, "steps", "1 or more", options.steps);
  check(options.batch >= 1 && options.batch <= 65536, where, "batch", "1..65536", options.batch);
  check(options.clips >= 0, where, "clips", "0 or more", options.clips);
  check(options.views >= 0 && options.views <= 64, where, "views", "0..64", options.views);
  const auto positive = [](const char* name, double value) {
    check(std::isfinite(value) && value > 0.0, where, name, "a positive number", value);
  };
  positive("learning_rate", options.optimizer.learning_rate);
  positive("clip_norm", options.clip_norm);
  check(std::isfinite(options.optimizer.weight_decay) && options.optimizer.weight_decay >= 0.0, where, "weight_decay",
        "0 or more", options.optimizer.weight_decay);
  for (const double weight : {options.weights.position, options.weights.rotation, options.weights.openness}) {
    check(std::isfinite(weight) && weight >= 0.0, where, "weights", "numbers of 0 or more", weight);
  }
}

// Rows of all tensors of the examples.
ActionHeadExamples rows_of(const ActionHeadExamples& examples, const at::Tensor& rows) {
  const auto pick = [&](const at::Tensor& tensor) { return tensor.index_select(0, rows); };
  return {{pick(examples.inputs.latents), pick(examples.inputs.cameras), pick(examples.inputs.decoded)},
          {pick(examples.wanted.position), pick(examples.wanted.rotation), pick(examples.wanted.openness)}};
}

TensorMap take_gradients(Parameters& parameters) {
  TensorMap gradients;
  for (const auto& [name, parameter] : parameters.named()) {
    if (!parameter.grad().defined()) continue;
    gradients[name] = parameter.grad();
    at::Tensor(parameter).mutable_grad() = at::Tensor();
  }
  return gradients;
}

// Warm-up over the first twentieth of the steps, then a cosine to zero.
double learning_rate_scale(std::int64_t step, std::int64_t steps) {
  const double warmup = std::max(1.0, static_cast<double>(steps) / 20.0);
  const double done = static_cast<double>(step) / static_cast<double>(steps);
  return std::min(1.0, static_cast<double>(step + 1) / warmup) * 0.5 * (1.0 + std::cos(M_PI * done));
}

}  // namespace

ActionHeadTrainingOptions action_head_training_options(const nlohmann::json& json) {
  ActionHeadTrainingOptions options;
  JsonFields fields(json, where, "options");
  fields.read("steps", options.steps);
  fields.read("batch", options.batch);
  fields.read("clips", options.clips);
  fields.read("views", options.views);
  fields.read("seed", options.seed);
  fields.read("hidden", options.hidden);
  fields.read("layers", options.layers);
  fields.read("latent_pool", options.latent_pool);
  fields.read("position_scale", options.position_scale);
  fields.read("learning_rate", options.optimizer.learning_rate);
  fields.read("weight_decay", options.optimizer.weight_decay);
  fields.read("clip_norm", options.clip_norm);
  std::string cache;
  fields.read("cache", cache);
  options.cache = cache;
  if (const nlohmann::json* weights = fields.find("weights")) {
    JsonFields parts(*weights, where, "options.weights");
    parts.read("position", options.weights.position);
    parts.read("rotation", options.weights.rotation);
    parts.read("openness", options.weights.openness);
    parts.refuse_others();
  }
  fields.refuse_others();
  check_options(options);
  return options;
}

ActionHead train_action_head(const ActionHeadExamples& examples, const ActionHeadConfig& config,
                             const ActionHeadTrainingOptions& options) {
  check_options(options);
  const std::int64_t count = examples.inputs.decoded.size(0);
  check_shape(count > 0, where, "examples", "at least one clip", {count});
  ActionHead head(config);
  head.parameters().initialize(options.seed);
  head.parameters().requires_grad(true);
  Optimizer optimizer(head.parameters().state(), options.optimizer);
  at::Generator generator = at::detail::createCPUGenerator(options.seed);
  for (std::int64_t step = 0; step < options.steps; ++step) {
    const at::Tensor rows = at::randint(count, {std::min(options.batch, count)}, generator, at::kLong);
    const ActionHeadExamples batch = rows_of(examples, rows);
    const at::Tensor loss =
        action_head_loss(head.forward(batch.inputs), batch.wanted, config.position_scale, options.weights);
    const double value = loss.item<double>();
    check<NumericalError>(std::isfinite(value), where, "loss", text_of("a finite number at step ", step), value);
    loss.backward();
    TensorMap gradients = take_gradients(head.parameters());
    {
      const at::NoGradGuard no_gradients;
      clip_gradient_norm(gradients, options.clip_norm);
    }
    optimizer.step(gradients, learning_rate_scale(step, options.steps));
    if (options.progress && !options.progress({"steps", step + 1, options.steps, value})) {
      throw Interrupted("[train::train_action_head] stopped by the progress callback");
    }
  }
  head.parameters().requires_grad(false);
  return head;
}

ActionHead train_action_head(const WorldModel& model, std::vector<MixtureSource> data,
                             const ActionHeadTrainingOptions& options) {
  check_options(options);
  WindowOptions window = window_of(model.config());
  window.views = static_cast<int>(options.views);
  const auto sampler =
      std::make_shared<ClipSampler>(std::move(data), ClipSamplerOptions{.window = window, .seed = options.seed});
  const ClipList clips = options.clips > 0 ? drawn_clips(sampler, options.clips) : one_clip_per_episode(sampler);
  const ActionHeadExamples examples = action_head_examples(model, clips, options);
  const std::int64_t cameras = examples.inputs.cameras.size(2);
  const ActionHeadConfig config{.views = cameras / 16,
                                .channels = model.vae().channels(),
                                .temporal_stride = model.vae().temporal_stride(),
                                .latent_pool = options.latent_pool,
                                .hidden = options.hidden,
                                .layers = options.layers,
                                .position_scale = options.position_scale};
  return train_action_head(examples, config, options);
}

}  // namespace action_images
