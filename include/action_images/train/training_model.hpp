// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include <action_images/dist/process_group.hpp>
#include <action_images/train/batches.hpp>
#include <action_images/train/config.hpp>
#include <action_images/train/latent_cache.hpp>
#include <action_images/vae/video_vae.hpp>
#include <action_images/world/world_model.hpp>

namespace action_images {

/// The networks of a run and what becomes of them.
///
/// A model of ours, from random weights or from a folder, is trained with its text encoder, and its file holds all
/// networks. A model of Wan or of the release brings a text encoder and a VAE that stay as they are; its file holds the
/// transformer, as the release's checkpoints do.
class TrainingModel {
 public:
  /// @param output  where `vae.safetensors`, a VAE that is fitted, and the cache of embeddings go.
  /// @param clips   that a VAE is fitted to.
  /// @throws as WorldModel::load; FormatError for a model that starts at random and lacks a VAE or a tokenizer.
  TrainingModel(const TrainConfig& config, const std::filesystem::path& output, const ClipList& clips,
                const ProcessGroup& group);

  const WorldConfig& config() const { return config_; }
  WorldNetwork& network() { return *network_; }
  const WorldNetwork& network() const { return *network_; }
  /// Takes and gives float32 on the CPU.
  const VideoVae& vae() const;
  PromptReader prompt_reader() const;

  /// What is trained, as the config says: names begin with "transformer.", "text_encoder." or "lora.".
  Parameters::Named trainable() const;

  /// The float32 values that a bfloat16 network was cast from, by name as trainable().
  const TensorMap& exact() const { return exact_; }

  /// Writes `final_model.safetensors`, and the folder `model` of a model of ours, whose weights are in half precision.
  /// @param trained  values of trainable(), by name.
  void save(const std::filesystem::path& output, const TensorMap& trained) const;

 private:
  void start_at_random(const TrainConfig& config, const std::filesystem::path& output, const ClipList& clips,
                       const ProcessGroup& group);
  void start_from_folder(const TrainConfig& config);
  void start_from_published(const TrainConfig& config, const std::filesystem::path& output);
  TensorMap transformer_with(const TensorMap& trained) const;

  WorldConfig config_;
  TrainableOptions how_;
  std::optional<WorldNetwork> network_;
  std::optional<Parameters> lora_;
  TensorMap exact_;
  std::unique_ptr<VideoVae> vae_;
  std::optional<WorldModel> published_;
  std::filesystem::path tokenizer_file_;
  std::shared_ptr<const Tokenizer> tokenizer_;
};

}  // namespace action_images
