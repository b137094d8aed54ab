// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include <action_images/tensor/tensor_map.hpp>
#include <action_images/world/config.hpp>

namespace action_images {

/// A world model on disk: config.json, model.safetensors (tensors under "transformer.", "text_encoder.", "vae.") and
/// tokenizer.model.
struct ModelFolder {
  WorldConfig config;
  TensorMap tensors;
  std::filesystem::path tokenizer;
};

/// The file of weights in a folder of a model: model.safetensors, or final_model.safetensors of a training run.
std::filesystem::path model_weights(const std::filesystem::path& folder);

/// Whether a folder has a model's config.json and tokenizer.model.
bool is_model_folder(const std::filesystem::path& folder);

/// @throws FormatError naming the file that is missing or damaged.
ModelFolder load_model_folder(const std::filesystem::path& folder);

/// Writes the weights as this file, and config.json and tokenizer.model beside it: WorldModel::load takes the file.
void save_model_file(const std::filesystem::path& path, const ModelFolder& model);

/// Writes the folder; the tokenizer file is copied. Every file appears complete or not at all.
void save_model_folder(const std::filesystem::path& folder, const ModelFolder& model);

}  // namespace action_images
