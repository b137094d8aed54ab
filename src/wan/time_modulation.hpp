// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace action_images {

/// Shifts, scales and gates that depend on the time step, for every token or for all tokens of a sample.
///
/// Few time steps differ among the tokens of a batch (given latents have 0, the others one step of the schedule), so
/// the embeddings are computed for each distinct one and picked for the tokens.
struct TimeModulation {
  at::Tensor embedding;   ///< (S, U, dim) of U distinct time steps; S = B, or 1 if all samples share them
  at::Tensor projection;  ///< (S, U, 6, dim)
  at::Tensor index;       ///< (B, N) int64: row of each token in the first two axes taken together; undefined: U = 1

  /// A table (1, K, dim) plus `values` (S, U, dim or K, dim), split into its K parts: each
  /// (B or 1, N or 1, dim) float32.
  std::vector<at::Tensor> parts(const at::Tensor& table, const at::Tensor& values) const;
};

/// Distinct values of time steps (B) or (B, N) and how they are picked.
struct DistinctTimesteps {
  at::Tensor values;  ///< (S, U) float32
  at::Tensor index;   ///< as in TimeModulation
};

/// @param per_sample  whether the embedding of a time step depends on the sample, so that S must be B.
DistinctTimesteps distinct_timesteps(const at::Tensor& timestep, std::int64_t batch, bool per_sample);

}  // namespace action_images
