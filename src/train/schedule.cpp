// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/schedule.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace action_images {

double learning_rate_scale(const LearningRateOptions& options, std::int64_t step, std::int64_t steps) {
  using Shape = LearningRateOptions::Shape;
  const double rise = static_cast<double>(step + 1) / static_cast<double>(std::max<std::int64_t>(options.warmup_steps, 1));
  const double warmup = std::min(1.0, rise);
  const double done = static_cast<double>(step) / static_cast<double>(steps);
  if (options.shape == Shape::constant || done < options.decay_from) return warmup;
  const double left = (1.0 - done) / (1.0 - options.decay_from);  // 1 where the fall begins, towards 0
  if (options.shape == Shape::linear) return warmup * std::max(options.final_scale, left);
  const double cosine = 0.5 * (1.0 + std::cos(std::numbers::pi * (1.0 - left)));
  return warmup * (options.final_scale + (1.0 - options.final_scale) * cosine);
}

}  // namespace action_images
