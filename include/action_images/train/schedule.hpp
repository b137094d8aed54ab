// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace action_images {

/// How the learning rate goes: a linear rise, then one of these.
struct LearningRateOptions {
  enum class Shape {
    constant,
    linear,  ///< falls linearly from `decay_from` of the steps on
    cosine   ///< falls as half a cosine from there on
  };
  Shape shape = Shape::constant;
  std::int64_t warmup_steps = 100;
  double decay_from = 0.0;    ///< share of the steps
  double final_scale = 0.02;  ///< share of the learning rate at the end of the fall
};

/// The factor of the learning rate in a step, in (0, 1]. @param step in [0, steps)
double learning_rate_scale(const LearningRateOptions& options, std::int64_t step, std::int64_t steps);

}  // namespace action_images
