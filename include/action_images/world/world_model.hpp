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
#include <action_images/world/model_folder.hpp>
#include <action_images/world/network.hpp>
#include <action_images/world/rollout.hpp>

namespace action_images {

/// A loaded world model. generate() is const and may be called from several threads at once.
class WorldModel {
 public:
  /// @param folder  as `save_model_folder` writes it.
  /// @throws FormatError naming a missing or damaged file, or listing all tensors that do not fit.
  static WorldModel load(const std::filesystem::path& folder);
  explicit WorldModel(const ModelFolder& model);

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

  const WorldConfig& config() const { return network_.config(); }
  const WorldNetwork& network() const { return network_; }
  const VideoVae& vae() const { return *vae_; }
  const Tokenizer& tokenizer() const { return tokenizer_; }

 private:
  WorldNetwork network_;
  std::unique_ptr<VideoVae> vae_;
  Tokenizer tokenizer_;
};

}  // namespace action_images
