// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include <ATen/core/Tensor.h>

#include <action_images/sample/flow_match.hpp>
#include <action_images/sample/solver.hpp>

namespace action_images {

/// Velocity of noisy latents (B, ...) at a timestep (B) float32 in [0, 1000]; the result has the latents' shape, in any
/// floating-point dtype.
using Denoiser = std::function<at::Tensor(const at::Tensor& latents, const at::Tensor& timestep)>;

/// Latents that are given: where `keep` is true, `clean` is shown to the denoiser and returned, and never stepped.
/// Both undefined: nothing is given.
struct Conditioning {
  at::Tensor clean;  ///< shape of the latents
  at::Tensor keep;   ///< bool, broadcastable to the latents, e.g. (1, 1, T, 1, 1)
};

/// State after one step.
struct DenoiseProgress {
  std::int64_t step;          ///< steps done, 1 .. steps
  std::int64_t steps;         ///< of how many
  double sigma;               ///< noise level that the latents have now; 0 at the end
  const at::Tensor& latents;  ///< the stepped latents in the dtype that they are kept in, conditioning put back
};

struct DenoiseOptions {
  /// Called after every step. Returning false stops: denoise() then returns the latents as they are. An exception
  /// passes through.
  std::function<bool(const DenoiseProgress&)> progress{};
  /// Made for the same schedule; empty: Euler steps.
  Solver solver{};
};

/// Integrates the flow from noise to clean latents.
///
/// The latents are kept in float32 at least, whatever the dtype of the noise: one of 50 steps changes them by some
/// hundredths, and bfloat16, which has 8 bits, would round most of that away. The denoiser sees them in the noise's
/// dtype.
/// @param noise  (B, ...) start; its dtype and device are those of the result.
/// @throws ShapeError if clean, keep or a prediction does not fit the noise; ValueError if the denoiser is empty or
/// only
///         one of clean and keep is given; NumericalError, naming the step, if a prediction is not finite.
at::Tensor denoise(const FlowMatchSchedule& schedule, const Denoiser& denoiser, const at::Tensor& noise,
                   const Conditioning& conditioning = {}, const DenoiseOptions& options = {});

/// A denoiser from one that predicts the clean sample: velocity = (latents - sample) / sigma, sigma = timestep / 1000.
/// Not for a schedule with whole timesteps, from which sigma cannot be read.
Denoiser from_sample_prediction(Denoiser predicts_sample);

}  // namespace action_images
