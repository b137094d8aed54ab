// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <action_images/tensor/tensor_map.hpp>
#include <action_images/text/umt5.hpp>

namespace action_images {

/// Wan's name of a parameter of transformers' UMT5EncoderModel: "encoder.block.3.layer.0.SelfAttention.q.weight" is
/// "blocks.3.attn.q.weight". No value for a name that is not one of them.
std::optional<std::string> umt5_name(std::string_view transformers_name);

/// The tensors of a UMT5 encoder under Wan's names: transformers' are renamed, of the embedding's two names one is
/// kept, and all other names stay as they are.
/// @throws FormatError if two tensors get the same name.
TensorMap umt5_tensors(const TensorMap& tensors);

/// Sizes of the UMT5 encoder that tensors of Wan's names are for.
/// @throws FormatError naming the first tensor that tells a size and is missing or has another number of axes.
UMT5Config umt5_config_from_tensors(const TensorMap& tensors);

}  // namespace action_images
