// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include <action_images/tensor/tensor_map.hpp>

namespace action_images {

/// What a file of weights holds, as its names say.
enum class WeightsKind {
  transformer,    ///< Wan's video transformer
  vae,            ///< Wan's video autoencoder
  text_encoder,   ///< UMT5
  image_encoder,  ///< CLIP's, of the I2V model
  lora,           ///< low-rank changes of a transformer
  world_model,    ///< several of these, under "transformer.", "text_encoder." and "vae."
  other,
};

std::string weights_kind_name(WeightsKind kind);

/// Tensors under the names that the networks here have, and what they are.
struct KnownWeights {
  WeightsKind kind = WeightsKind::other;
  TensorMap tensors;
};

/// Recognises a network's tensors under Wan's, diffusers' or transformers' names, with or without the prefixes that
/// wan_transformer_name takes off, and gives them Wan's names. Tensors of a LoRA, of a world model and of other kinds
/// keep theirs; so do those of the image encoder, whose config says which of them are used.
/// @throws FormatError if two tensors get the same name.
KnownWeights know_weights(TensorMap tensors);

/// The config that the shapes say: that of WanTransformer, of UMT5Encoder, or of WanVAE as far as a published one fits;
/// null for other kinds and for shapes that no config has.
nlohmann::json config_of_weights(const KnownWeights& weights);

}  // namespace action_images
