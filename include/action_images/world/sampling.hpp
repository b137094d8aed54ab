// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include <action_images/core/interrupted.hpp>
#include <action_images/text/tokenizer.hpp>
#include <action_images/world/network.hpp>

namespace action_images {

struct SampleOptions {
  int steps = 50;
  double shift = 5.0;
  double guidance = 1.0;         ///< 1: no guidance, one network evaluation a step
  TokenizedText negative{};      ///< needed unless guidance is 1, or:
  at::Tensor negative_text{};    ///< states [1 or B, L, D] of the negative prompt, as WorldInputs::text
  std::uint64_t seed = 0;
  /// Called after each step with (steps done, steps); returning false stops by an Interrupted error.
  std::function<bool(int, int)> progress{};
};

/// Generates the latent frames that the inputs do not give. @return [B, C, T, h, w] in the order of `inputs.packing`
at::Tensor sample_latents(const WorldNetwork& network, const WorldInputs& inputs, const SampleOptions& options);

}  // namespace action_images
