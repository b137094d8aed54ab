// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace action_images {

/// Flow matching: x_sigma = (1 - sigma) x_0 + sigma noise, velocity dx/dsigma = noise - x_0, solved with Euler steps.
///
/// sigma_i runs from 1 towards sigma_min: u_i = linspace(1, sigma_min), sigma_i = shift u_i / (1 + (shift - 1) u_i).
/// With extra_one_step the grid has steps + 1 points and its last is dropped, so that the final step goes to sigma 0
/// exactly. All tables are float32 on the CPU. The released model uses shift 5, sigma_min 0 and the extra step.
class FlowMatchSchedule {
 public:
  /// @param strength  of a start from given latents: u runs from sigma_min + strength (1 - sigma_min).
  /// @throws ValueError unless steps >= 1, shift > 0, 0 <= sigma_min < 1 and 0 < strength <= 1.
  explicit FlowMatchSchedule(std::int64_t steps, double shift = 5.0, double sigma_min = 0.0, bool extra_one_step = true,
                             double strength = 1.0);

  /// Any noise levels. @param sigmas  (steps) floating point, strictly falling, in (0, 1].
  /// @param whole_timesteps  timesteps are cut to whole numbers, as diffusers' multistep schedulers and Wan's own do.
  /// @throws ShapeError unless sigmas has one axis; ValueError unless they fall within (0, 1].
  static FlowMatchSchedule from_sigmas(const at::Tensor& sigmas, bool whole_timesteps = false);

  std::int64_t steps() const { return steps_; }
  const at::Tensor& sigmas() const { return sigmas_; }        ///< (steps), falling
  const at::Tensor& timesteps() const { return timesteps_; }  ///< (steps), 1000 sigma

  /// (steps), the weight of each step in the training loss: exp(-2 ((t - steps/2) / steps)^2), less its minimum, scaled
  /// to the mean 1. A training schedule has 1000 steps.
  const at::Tensor& training_weights() const { return training_weights_; }

  /// sigma of a step; index = steps gives 0, the end. @throws ValueError if the index is outside [0, steps].
  double sigma(std::int64_t index) const;

  /// The step whose timestep is nearest, found in float32. @param timestep in [0, 1000].
  std::int64_t nearest(double timestep) const;

  /// One Euler step: latents + velocity (sigma_{index + 1} - sigma_index).
  /// @param prediction  velocity, shape of latents.
  /// @throws ShapeError if the shapes differ; ValueError if the index is outside [0, steps).
  at::Tensor step(const at::Tensor& prediction, std::int64_t index, const at::Tensor& latents) const;

  /// (1 - sigma) latents + sigma noise. @throws as step().
  at::Tensor add_noise(const at::Tensor& latents, const at::Tensor& noise, std::int64_t index) const;
  /// The same with one step for each sample. @param indices (B) int64, B = latents.size(0).
  at::Tensor add_noise(const at::Tensor& latents, const at::Tensor& noise, const at::Tensor& indices) const;

 private:
  FlowMatchSchedule(at::Tensor sigmas, at::Tensor timesteps);

  std::int64_t steps_;
  at::Tensor sigmas_, timesteps_, training_weights_;
};

/// The velocity that leads to a predicted clean sample: (latents - sample) / sigma.
/// @throws ValueError unless sigma > 0; ShapeError if the shapes differ.
at::Tensor velocity_from_sample(const at::Tensor& sample, const at::Tensor& latents, double sigma);

/// The clean sample that a velocity leads to: latents - sigma velocity. @throws ShapeError if the shapes differ.
at::Tensor sample_from_velocity(const at::Tensor& velocity, const at::Tensor& latents, double sigma);

/// Standard normal float32 noise on the CPU, the same for the same seed whatever the machine's threads.
at::Tensor seeded_noise(at::IntArrayRef shape, std::uint64_t seed);

}  // namespace action_images
