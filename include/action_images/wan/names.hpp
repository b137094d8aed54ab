// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <action_images/tensor/tensor_map.hpp>
#include <action_images/wan/config.hpp>

namespace action_images {

/// Told what was added to a checkpoint, in one sentence.
using Notice = std::function<void(const std::string&)>;

/// Wan's name of a transformer's parameter as a checkpoint has it: prefixes of what it was saved in ("pipe.", "dit.",
/// "module.", "model.", "transformer.", "diffusion_model.", "_orig_mod.", any number of them) are taken off, and names
/// of diffusers' WanTransformer3DModel become Wan's: "model.blocks.3.attn1.to_q.weight" is
/// "blocks.3.self_attn.q.weight". No value for a name that is no parameter of the transformer.
std::optional<std::string> wan_transformer_name(std::string_view name);

/// The tensors under Wan's names, with the camera layers "blocks.N.cam_encoder.2.*" and "blocks.N.projector.*" as
/// released. Names that wan_transformer_name does not know stay as they are; nothing is copied.
/// @throws FormatError if two tensors get the same name.
TensorMap wan_transformer_tensors(TensorMap tensors);

/// The sizes of the network that tensors with Wan's names belong to, as their shapes say. What shapes do not say is as
/// in Wan and in Action Images: heads of `head_dim` channels, camera latents of twice the latents' channels, an average
/// of the cameras over 16 x 16 places if that divides the layer's width.
/// @throws FormatError naming a tensor that is missing or has another number of axes, or a width that is no multiple
///         of head_dim.
WanConfig wan_config_from_tensors(const TensorMap& tensors, std::int64_t head_dim = 128);

/// The tensors and, where the config has camera layers that they lack, new ones without effect: cam_encoder zero,
/// projector identity, in the dtype and on the device of "patch_embedding.weight". Tells what it added, if anything.
/// @throws FormatError if there is no patch_embedding.weight.
TensorMap with_camera_layers(TensorMap tensors, const WanConfig& config, const Notice& notice = {});

}  // namespace action_images
