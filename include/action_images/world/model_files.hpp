// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace action_images {

/// Where a world model may be found.
struct ModelSource {
  /// The transformer: a folder, or a single file of weights. A folder is one of ours (config.json, model.safetensors,
  /// tokenizer.model), one as Wan publishes it (diffusion_pytorch_model*.safetensors, models_t5_umt5-xxl-enc-bf16.pth,
  /// Wan2.2_VAE.pth, google/umt5-xxl/spiece.model), one of diffusers (transformer/, vae/, ...), or
  /// one with a single .ckpt.
  std::filesystem::path model;
  /// A folder with the parts that `model` does not have; searched after it (or after the folder that the file is in).
  std::filesystem::path base = {};
  /// Searched last: checkpoints/model_id, where the released implementation keeps Wan's weights.
  std::string model_id = "Wan-AI/Wan2.2-TI2V-5B";
  std::filesystem::path checkpoints = "checkpoints";
};

/// The files of a world model. Weights in several files are shards: each tensor is in one of them.
struct ModelFiles {
  using Paths = std::vector<std::filesystem::path>;

  /// config.json of a folder of ours; its weights then are one file with prefixes, and stand in `transformer` alone.
  std::filesystem::path config;
  Paths transformer;
  /// config.json of Wan or diffusers beside the transformer, if it is there: it tells the number of heads.
  std::filesystem::path transformer_config;
  Paths text_encoder;
  Paths vae;
  std::filesystem::path tokenizer;
  Paths image_encoder;  ///< CLIP's of the I2V models; empty if there is none

  bool packed() const { return !config.empty(); }
};

/// Finds all files of a world model; nothing is read.
/// @throws FormatError that names all parts that are missing, the files that were looked for and where; or files of
///         which one is meant, but which is not clear.
ModelFiles find_model_files(const ModelSource& source);

/// The same for the text encoder and the tokenizer alone; the other parts may be missing.
ModelFiles find_text_files(const ModelSource& source);

}  // namespace action_images
