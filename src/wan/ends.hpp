// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "context.hpp"
#include "time_modulation.hpp"

namespace action_images {

/// What changes from step to step.
struct WanInput {
  at::Tensor latents;                ///< (B, in_dim without the channels of y, T, H, W)
  at::Tensor timestep;               ///< (B) or (B, N)
  std::array<std::int64_t, 3> grid;  ///< (T, H, W) of the conditions
  std::int64_t batch;                ///< of the conditions
};

/// What the blocks change and what modulates them.
struct WanTokens {
  at::Tensor x;  ///< (B, N, dim)
  TimeModulation time;
};

/// What comes before the blocks.
/// @throws ShapeError if the input is not of the config and of the context.
WanTokens embed_wan_latents(const WanOuterLayers& layers, const WanConfig& config, const WanInput& input,
                            const WanContext& context);

/// What comes after the blocks: the velocity (B, out_dim, T, H, W).
at::Tensor run_wan_head(const WanOuterLayers& layers, const WanConfig& config, const WanTokens& tokens,
                        const std::array<std::int64_t, 3>& grid);

}  // namespace action_images
