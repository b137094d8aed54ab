// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <action_images/wan/transformer.hpp>

namespace action_images {

/// Declares the parameters of one block below a scope, in the published order.
WanBlock declare_wan_block(const Scope& scope, const WanConfig& config);

/// Declares what embeds CLIP tokens; nothing without has_image_input.
WanImageEmbedding declare_image_embedding(const Scope& scope, const WanConfig& config);

/// Declares the convolutions of the image stem.
std::vector<nn::LinearParameters> declare_image_stem(const Scope& scope, const WanConfig& config);

}  // namespace action_images
