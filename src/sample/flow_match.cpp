// SPDX-License-Identifier: Apache-2.0
#include <action_images/sample/flow_match.hpp>

#include <cmath>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <action_images/core/check.hpp>

namespace action_images {
namespace {

constexpr double train_timesteps = 1000.0;

void check_same_shape(const char* where, const char* argument, const at::Tensor& got, const at::Tensor& latents) {
  check_shape(got.sizes() == latents.sizes(), where, argument, shape_text(latents.sizes()), got.sizes());
}

at::Tensor shifted_sigmas(double first, double last, std::int64_t steps, double shift, bool extra_one_step) {
  at::Tensor even = at::linspace(first, last, steps + (extra_one_step ? 1 : 0), at::kFloat);
  even = even.slice(0, 0, steps);
  return shift * even / (1.0 + (shift - 1.0) * even);
}

at::Tensor bell_weights(const at::Tensor& timesteps) {
  const double steps = static_cast<double>(timesteps.size(0));
  const at::Tensor bell = at::exp(-2.0 * ((timesteps - steps / 2.0) / steps).square());
  const at::Tensor above = bell - bell.min();
  const at::Tensor weights = above * (steps / above.sum());
  return weights.isfinite().all().item<bool>() ? weights : at::ones_like(timesteps);
}

}  // namespace

FlowMatchSchedule::FlowMatchSchedule(at::Tensor sigmas, at::Tensor timesteps)
    : steps_(sigmas.size(0)),
      sigmas_(std::move(sigmas)),
      timesteps_(std::move(timesteps)),
      training_weights_(bell_weights(timesteps_)) {}

FlowMatchSchedule::FlowMatchSchedule(std::int64_t steps, double shift, double sigma_min, bool extra_one_step,
                                     double strength)
    : steps_(steps) {
  constexpr auto where = "sample::FlowMatchSchedule";
  check(steps >= 1, where, "steps", "at least 1", steps);
  check(std::isfinite(shift) && shift > 0.0, where, "shift", "a positive number", shift);
  check(sigma_min >= 0.0 && sigma_min < 1.0, where, "sigma_min", "a number in [0, 1)", sigma_min);
  check(strength > 0.0 && strength <= 1.0, where, "strength", "a number in (0, 1]", strength);
  const double first = sigma_min + strength * (1.0 - sigma_min);
  sigmas_ = shifted_sigmas(first, sigma_min, steps, shift, extra_one_step);
  timesteps_ = sigmas_ * train_timesteps;
  training_weights_ = bell_weights(timesteps_);
}

FlowMatchSchedule FlowMatchSchedule::from_sigmas(const at::Tensor& sigmas, bool whole_timesteps) {
  constexpr auto where = "sample::FlowMatchSchedule::from_sigmas";
  check_shape(sigmas.dim() == 1 && sigmas.size(0) >= 1, where, "sigmas", "(steps,)", sigmas.sizes());
  const at::Tensor exact = sigmas.to(at::kCPU, at::kDouble);
  const bool falls = (exact.slice(0, 1) < exact.slice(0, 0, -1)).all().item<bool>();
  check(falls && exact[0].item<double>() <= 1.0 && exact[-1].item<double>() > 0.0, where, "sigmas",
        "numbers that fall within (0, 1]", "others");
  const at::Tensor timesteps = exact * train_timesteps;
  return {exact.to(at::kFloat, false, true), (whole_timesteps ? timesteps.floor() : timesteps).to(at::kFloat)};
}

double FlowMatchSchedule::sigma(std::int64_t index) const {
  check(index >= 0 && index <= steps_, "sample::FlowMatchSchedule", "index", text_of("0 to ", steps_), index);
  return index == steps_ ? 0.0 : static_cast<double>(sigmas_.const_data_ptr<float>()[index]);
}

std::int64_t FlowMatchSchedule::nearest(double timestep) const {
  check(std::isfinite(timestep), "sample::FlowMatchSchedule", "timestep", "a finite number", timestep);
  return (timesteps_ - timestep).abs().argmin().item<std::int64_t>();
}

at::Tensor FlowMatchSchedule::step(const at::Tensor& prediction, std::int64_t index, const at::Tensor& latents) const {
  check_same_shape("sample::FlowMatchSchedule::step", "prediction", prediction, latents);
  check(index >= 0 && index < steps_, "sample::FlowMatchSchedule::step", "index", text_of("0 to ", steps_ - 1), index);
  return latents + prediction * (sigma(index + 1) - sigma(index));
}

at::Tensor FlowMatchSchedule::add_noise(const at::Tensor& latents, const at::Tensor& noise, std::int64_t index) const {
  constexpr auto where = "sample::FlowMatchSchedule::add_noise";
  check_same_shape(where, "noise", noise, latents);
  check(index >= 0 && index < steps_, where, "index", text_of("0 to ", steps_ - 1), index);
  return (1.0 - sigma(index)) * latents + sigma(index) * noise;
}

at::Tensor FlowMatchSchedule::add_noise(const at::Tensor& latents, const at::Tensor& noise,
                                        const at::Tensor& indices) const {
  constexpr auto where = "sample::FlowMatchSchedule::add_noise";
  check_same_shape(where, "noise", noise, latents);
  check_shape(latents.dim() >= 1 && indices.dim() == 1 && indices.size(0) == latents.size(0), where, "indices",
              "(B,) for latents (B, ...)", indices.sizes());
  const at::Tensor index = indices.to(at::kCPU, at::kLong);
  for (std::int64_t sample = 0; sample < index.size(0); ++sample) {
    const auto step = index[sample].item<std::int64_t>();
    check(step >= 0 && step < steps_, where, "indices", text_of("0 to ", steps_ - 1), step);
  }
  std::vector<std::int64_t> per_sample(static_cast<std::size_t>(latents.dim()), 1);
  per_sample[0] = index.size(0);
  const at::Tensor sigma = sigmas_.index_select(0, index).view(per_sample).to(latents.device());
  return ((1.0 - sigma) * latents + sigma * noise).to(latents.scalar_type());
}

at::Tensor velocity_from_sample(const at::Tensor& sample, const at::Tensor& latents, double sigma) {
  check_same_shape("sample::velocity_from_sample", "sample", sample, latents);
  check(sigma > 0.0, "sample::velocity_from_sample", "sigma", "a positive number", sigma);
  return (latents - sample) / sigma;
}

at::Tensor sample_from_velocity(const at::Tensor& velocity, const at::Tensor& latents, double sigma) {
  check_same_shape("sample::sample_from_velocity", "velocity", velocity, latents);
  return latents - sigma * velocity;
}

at::Tensor seeded_noise(at::IntArrayRef shape, std::uint64_t seed) {
  for (const std::int64_t size : shape) check_shape(size >= 0, "sample::seeded_noise", "shape", "sizes >= 0", shape);
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::TensorOptions(at::kFloat));
}

}  // namespace action_images
