// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/objective.hpp>

#include <algorithm>

#include <ATen/ATen.h>

#include <action_images/sample/flow_match.hpp>

namespace action_images {
namespace {

constexpr std::int64_t training_steps = 1000;

const FlowMatchSchedule& training_schedule(double shift) {
  thread_local FlowMatchSchedule schedule(training_steps, shift);
  thread_local double made_for = shift;
  if (made_for != shift) {
    schedule = FlowMatchSchedule(training_steps, shift);
    made_for = shift;
  }
  return schedule;
}

double draw_sigma(const ObjectiveOptions& options, at::Generator& generator) {
  const auto uniform = [&] { return at::rand({}, generator, at::kFloat).item<double>(); };
  const double u = uniform(), high = uniform(), choice = uniform();
  if (choice < options.high_noise_share) return 1.0 - (1.0 - options.high_noise_from) * high;
  if (options.levels == ObjectiveOptions::Levels::schedule) {
    const auto step = std::min(static_cast<std::int64_t>(u * training_steps), training_steps - 1);
    return training_schedule(options.shift).sigma(step);
  }
  return std::clamp(options.shift * u / (1.0 + (options.shift - 1.0) * u), 0.02, 1.0);
}

// The schedule's weight of each sample's noise level.
at::Tensor schedule_weights(const at::Tensor& sigmas, double shift) {
  const FlowMatchSchedule& schedule = training_schedule(shift);
  at::Tensor weights = at::empty_like(sigmas);
  for (std::int64_t i = 0; i < sigmas.size(0); ++i) {
    weights[i] = schedule.training_weights()[schedule.nearest(sigmas[i].item<double>() * 1000.0)];
  }
  return weights;
}

at::Tensor frame_weights(const Packing& packing, double action_weight) {
  at::Tensor weights = at::ones({packing.size()}, at::kFloat);
  for (std::int64_t i = 0; i < packing.size(); ++i) {
    if (packing.frames()[static_cast<std::size_t>(i)].stream == Stream::action) weights[i] = action_weight;
  }
  return weights;
}

double masked_mean(const at::Tensor& errors, const at::Tensor& mask) {
  return mask.any().item<bool>() ? errors.detach().index_select(1, mask.nonzero().flatten()).mean().item<double>() : 0.0;
}

}  // namespace

NoiseDraw draw_noise(at::IntArrayRef sizes, const ObjectiveOptions& options, at::Generator& generator) {
  std::vector<std::int64_t> shape{1};
  shape.insert(shape.end(), sizes.begin(), sizes.end());
  const double sigma = draw_sigma(options, generator);
  return {at::full({1}, sigma, at::kFloat), at::randn(shape, generator, at::kFloat)};
}

ObjectiveLoss world_loss(const WorldNetwork& network, const WorldInputs& inputs, const NoiseDraw& draw,
                         const ObjectiveOptions& options) {
  const WorldConditions conditions = network.prepare(inputs);
  const Packing& packing = inputs.packing;
  const at::Tensor clean = packing.gather(inputs.video, inputs.action);
  check_shape(draw.noise.sizes() == clean.sizes() && draw.sigma.numel() == clean.size(0), "train::world_loss", "draw.noise",
              shape_text(clean.sizes()), draw.noise.sizes());
  const at::Tensor& sigma = draw.sigma;
  const at::Tensor& noise = draw.noise;
  const at::Tensor level = sigma.view({-1, 1, 1, 1, 1});
  const at::Tensor noisy = (1.0 - level) * clean + level * noise;

  const bool velocity = network.config().prediction == Prediction::velocity;
  const at::Tensor residual = velocity ? network.predict_velocity(noisy, sigma, conditions) - (noise - clean)
                                       : network.predict_sample(noisy, sigma, conditions) - clean;
  const at::Tensor errors = residual.square().mean(at::IntArrayRef{1, 3, 4});  // [B, T]
  const at::Tensor sample_weights =
      velocity ? schedule_weights(sigma, options.shift) : sigma.clamp_min(options.min_weight_sigma).reciprocal();

  const at::Tensor generated = conditions.given.flatten().logical_not();
  const at::Tensor weights = frame_weights(packing, options.action_weight) * generated.to(at::kFloat);
  const at::Tensor is_action = frame_weights(packing, 0.0) == 0;
  ObjectiveLoss loss;
  loss.total = (errors * weights).sum(1).mul(sample_weights).mean() / weights.sum();
  loss.action_mse = masked_mean(errors, generated.logical_and(is_action));
  loss.video_mse = masked_mean(errors, generated.logical_and(is_action.logical_not()));
  return loss;
}

}  // namespace action_images
