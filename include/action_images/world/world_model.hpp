// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <action_images/text/tokenizer.hpp>
#include <action_images/vae/video_vae.hpp>
#include <action_images/video/frames.hpp>
#include <action_images/world/generate_options.hpp>
#include <action_images/world/model_files.hpp>
#include <action_images/world/model_folder.hpp>
#include <action_images/world/model_options.hpp>
#include <action_images/world/network.hpp>
#include <action_images/world/prompt_encoder.hpp>
#include <action_images/world/rollout.hpp>

namespace action_images {

/// A loaded world model. generate() is const and may be called from several threads at once.
class WorldModel {
 public:
  /// Loads a folder of ours, a checkpoint of the released implementation with Wan's other weights, a folder of Wan's or
  /// one of diffusers; see ModelSource. A transformer without camera layers gets some that have no effect, with a
  /// notice.
  /// @throws FormatError naming all missing files, a damaged one, or all tensors of a network that do not fit;
  ///         ValueError for a wrong key of options.config or networks that do not fit each other; Interrupted.
  static WorldModel load(const ModelSource& source, const ModelOptions& options = {});
  /// The same for a path alone.
  static WorldModel load(const std::filesystem::path& model) { return load(ModelSource{.model = model}); }

  /// Of tensors in memory, which are used as they are (float16 as float32).
  explicit WorldModel(const ModelFolder& model);

  /// Of networks that are there. @throws ValueError if they do not fit each other.
  WorldModel(WorldNetwork network, std::unique_ptr<VideoVae> vae, std::unique_ptr<PromptEncoder> prompts);

  /// Generates what the task asks for. Paper Sec. 3.3.
  ///
  /// The same seed gives the same bits on the same machine at the same number of torch's intra-op threads.
  /// @param views   one frame per view (v2a: T frames per view), of the rig's size; cropped and resized to the model's.
  /// @param prompt  instruction; may be empty for a2v and v2a.
  /// @param rig     calibrated cameras of the views, in any world frame: actions come out in the same. It may move: with
  ///                the camera of every frame, the first frame's being that of the pictures.
  /// @throws ShapeError for a wrong number or size of pictures, or frames not 4k + 1; ValueError for an empty or over-long
  ///         prompt, missing actions, a rig that moves for another number of frames, or an option out of range;
  ///         Interrupted if a progress callback says so.
  Rollout generate(const std::vector<VideoFrames>& views, const std::string& prompt, const Rig& rig,
                   const GenerateOptions& options = {}) const;

  /// States [B, L, D] of prompts on the CPU, as generate() computes them: from the cache, or by the text encoder, which
  /// is loaded if it is not in memory. @throws as PromptEncoder::encode
  at::Tensor encode_prompts(const std::vector<std::string>& prompts) const { return prompts_->encode(prompts); }

  const WorldConfig& config() const { return network_.config(); }
  /// The transformer; it takes the states of prompts.
  const WorldNetwork& network() const { return network_; }
  /// Takes and gives float32 on the CPU, wherever it computes.
  const VideoVae& vae() const { return *vae_; }
  const PromptEncoder& prompts() const { return *prompts_; }
  const Tokenizer& tokenizer() const { return prompts_->tokenizer(); }

 private:
  WorldNetwork network_;
  std::unique_ptr<VideoVae> vae_;
  std::unique_ptr<PromptEncoder> prompts_;
};

/// The text encoder and tokenizer of a world model alone, to encode prompts before the model itself is in memory; with
/// options.embedding_cache, WorldModel::load of the same files and options finds them there.
/// @throws as WorldModel::load
std::unique_ptr<PromptEncoder> load_prompt_encoder(const ModelSource& source, const ModelOptions& options = {});

}  // namespace action_images
