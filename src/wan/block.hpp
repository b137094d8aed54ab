// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <action_images/wan/transformer.hpp>

#include "context.hpp"
#include "time_modulation.hpp"

namespace action_images {

/// What a block makes of the context.
struct WanBlockConditions {
  WanConditions::KeysValues text;
  WanConditions::KeysValues image;  ///< undefined without has_image_input
  at::Tensor camera;                ///< (B, T, dim), or undefined
};

WanBlockConditions wan_block_conditions(const WanBlock& block, const WanConfig& config, const WanContext& context);

/// What a block computes from, besides its parameters.
struct WanBlockInputs {
  at::Tensor x;  ///< (B, N, dim)
  WanConditions::KeysValues text;
  WanConditions::KeysValues image = {};  ///< undefined without has_image_input
  at::Tensor camera = {};                ///< (B, T, dim), or undefined
  TimeModulation time;
  at::Tensor rotary;  ///< (N, head_dim / 2) complex64
};

/// The tokens (B, N, dim) after a block.
at::Tensor run_wan_block(const WanBlock& block, WanBlockInputs inputs, const WanConfig& config);

/// The same, with all that the block computes on the way computed again in the backward pass. With `offload`, what
/// it keeps for that lies in the CPU's memory.
at::Tensor checkpoint_wan_block(const WanBlock& block, WanBlockInputs inputs, const WanConfig& config,
                                bool offload = false);

}  // namespace action_images
