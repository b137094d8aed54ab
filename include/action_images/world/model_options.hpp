// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>
#include <nlohmann/json.hpp>

#include <action_images/tensor/weights.hpp>

namespace action_images {

/// A LoRA that is merged into the transformer.
struct LoraFile {
  std::filesystem::path path;
  double scale = 1.0;
};

/// How a world model is loaded. Weights that keep their dtype and stay on the CPU are mapped into memory, not copied.
struct ModelOptions {
  /// Of all networks; none: each as in its files, float16 as float32, a mixture as most of its weights are.
  std::optional<at::ScalarType> dtype{};
  at::Device device = at::kCPU;               ///< of all networks
  std::optional<at::ScalarType> vae_dtype{};  ///< of the VAE, if it differs; so on
  std::optional<at::Device> vae_device{};
  std::optional<at::ScalarType> text_dtype{};
  std::optional<at::Device> text_device{};

  /// Whether the text encoder stays in memory after its first use; none: if its weights are no more than 1 GiB.
  std::optional<bool> keep_text_encoder{};
  /// Folder of an EmbeddingCache, in which prompts are looked up before the text encoder is loaded; empty: none.
  std::filesystem::path embedding_cache{};
  std::vector<LoraFile> lora{};  ///< merged one after the other

  /// Laid over the model's config.json, or over the config of a checkpoint without one: {"height": 256, "width": 256}.
  nlohmann::json config = nlohmann::json::object();
  /// Told what is noteworthy, such as camera layers that a checkpoint does not have; standard error if empty.
  std::function<void(const std::string&)> notice{};
  /// Called with the part ("transformer", "VAE") as weights are mapped or copied; returning false stops by an
  /// Interrupted error.
  std::function<bool(std::string_view part, const LoadProgress&)> progress{};
};

}  // namespace action_images
