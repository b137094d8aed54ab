// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <action_images/nn/parameters.hpp>
#include <action_images/wan/config.hpp>
#include <action_images/wan/layers.hpp>

namespace action_images {

/// Declares what comes before the blocks, in the published order.
WanOuterLayers declare_wan_embeddings(const Scope& root, const WanConfig& config);

/// Declares the parameters of one block below a scope, in the published order.
WanBlock declare_wan_block(const Scope& scope, const WanConfig& config);

/// Declares what comes after the blocks, and the layers of pictures, which the published order has at the end.
void declare_wan_head(WanOuterLayers& layers, const Scope& root, const WanConfig& config);

}  // namespace action_images
