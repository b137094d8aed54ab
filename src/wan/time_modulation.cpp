// SPDX-License-Identifier: Apache-2.0
#include "time_modulation.hpp"

#include <ATen/ATen.h>

namespace action_images {

std::vector<at::Tensor> TimeModulation::parts(const at::Tensor& table, const at::Tensor& values) const {
  const at::Tensor per_part = values.dim() == 3 ? values.unsqueeze(2) : values;
  const at::Tensor sum = per_part.to(at::kFloat) + table;  // (S, U, K, dim)
  std::vector<at::Tensor> parts = at::unbind(sum, 2);
  if (!index.defined()) return parts;
  for (at::Tensor& part : parts) {
    part = part.flatten(0, 1).index_select(0, index.flatten()).unflatten(0, index.sizes());
  }
  return parts;
}

DistinctTimesteps distinct_timesteps(const at::Tensor& timestep, std::int64_t batch, bool per_sample) {
  const at::Tensor steps = timestep.to(at::kFloat);
  if (steps.dim() == 1) return {steps.unsqueeze(1), {}};
  auto [values, index, counts] = at::_unique2(steps, /*sorted=*/true, /*return_inverse=*/true);
  if (!per_sample) return {values.unsqueeze(0), index};
  const at::Tensor sample = at::arange(batch, index.options()).unsqueeze(1);
  return {values.unsqueeze(0).expand({batch, values.size(0)}), index + sample * values.size(0)};
}

}  // namespace action_images
