// SPDX-License-Identifier: Apache-2.0
#include "position_buckets.hpp"

#include <cmath>

#include <ATen/ATen.h>

namespace action_images {

at::Tensor position_buckets(std::int64_t length, std::int64_t buckets) {
  constexpr double farthest = 128.0;
  const std::int64_t of_a_side = buckets / 2, exact = of_a_side / 2;
  const at::Tensor positions = at::arange(length, at::kLong);
  const at::Tensor offset = positions.unsqueeze(0) - positions.unsqueeze(1);
  const at::Tensor distance = offset.abs();
  // float32, as in the checkpoints' training: distances at the edge of two buckets depend on it
  const at::Tensor octaves = at::log(distance.to(at::kFloat) / static_cast<double>(exact)) /
                             std::log(farthest / static_cast<double>(exact)) * static_cast<double>(of_a_side - exact);
  const at::Tensor far = at::clamp_max(exact + octaves.clamp_min(0.0).to(at::kLong), of_a_side - 1);
  return (offset > 0).to(at::kLong) * of_a_side + at::where(distance < exact, distance, far);
}

}  // namespace action_images
