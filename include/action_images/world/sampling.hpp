// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include <action_images/core/interrupted.hpp>
#include <action_images/sample/step_cache.hpp>
#include <action_images/text/tokenizer.hpp>
#include <action_images/world/network.hpp>
#include <action_images/world/sampler_options.hpp>

namespace action_images {

struct SampleOptions {
  int steps = 50;
  double shift = 5.0;
  double guidance = 1.0;  ///< 1: no guidance, one network evaluation a step
  SamplerOptions sampler{};
  /// The negative prompt, needed unless guidance is 1: tokens, or states [B, L, D] as WorldInputs::text; one row for
  /// every sample, or one for all.
  TokenizedText negative{};
  at::Tensor negative_text{};
  std::uint64_t seed = 0;
  /// Called after each step with (steps done, steps); returning false stops by an Interrupted error.
  std::function<bool(int, int)> progress{};
};

/// What was sampled.
struct Sampled {
  at::Tensor latents;                ///< [B, C, T, h, w] in the order of the packing
  StepCacheStatistics evaluations{};  ///< steps whose prediction was made, and steps that used an earlier one
};

/// Generates the latent frames that the inputs do not give. Noise is drawn on the CPU in float32.
/// @throws ValueError for an option out of range; NumericalError if a prediction is not finite; Interrupted.
Sampled sample_latents(const WorldNetwork& network, const WorldInputs& inputs, const SampleOptions& options);

}  // namespace action_images
