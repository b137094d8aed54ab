// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <string_view>

#include <action_images/core/check.hpp>

namespace action_images {

/// How much a residual r counts that is larger than usual: as r^2, as |r| beyond the scale (Huber), or as log r
/// (Cauchy).
enum class Loss { squared, huber, cauchy };

/// @throws ValueError unless the name is "squared", "huber" or "cauchy".
inline Loss loss_from_name(std::string_view name) {
  check(name == "squared" || name == "huber" || name == "cauchy", "codec::loss_from_name", "loss",
        "\"squared\", \"huber\" or \"cauchy\"", text_of('"', printable(name), '"'));
  return name == "squared" ? Loss::squared : name == "huber" ? Loss::huber : Loss::cauchy;
}

/// rho(r^2), which is about r^2 where r is small beside the scale. As in scipy's least_squares, whose cost is half of
/// it.
inline double loss_cost(Loss loss, double squared, double scale) {
  const double ratio = squared / (scale * scale);
  if (loss == Loss::cauchy) return scale * scale * std::log1p(ratio);
  if (loss == Loss::huber && ratio > 1.0) return scale * scale * (2.0 * std::sqrt(ratio) - 1.0);
  return squared;
}

/// d rho / d r^2: the weight of a residual in the next step, 1 where it is small.
inline double loss_weight(Loss loss, double squared, double scale) {
  const double ratio = squared / (scale * scale);
  if (loss == Loss::cauchy) return 1.0 / (1.0 + ratio);
  if (loss == Loss::huber && ratio > 1.0) return 1.0 / std::sqrt(ratio);
  return 1.0;
}

}  // namespace action_images
