// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <action_images/text/tokenizer.hpp>
#include <action_images/vae/video_vae.hpp>
#include <action_images/video/frames.hpp>
#include <action_images/world/model_folder.hpp>
#include <action_images/world/network.hpp>
#include <action_images/world/rollout.hpp>

namespace action_images {

struct GenerateOptions {
  Task task = Task::i2va;
  Trajectory actions{};                  ///< a2v: the T actions to simulate
  std::optional<Action> first_action{};  ///< where the gripper is in the first pictures, if known (i2va, v2a)
  std::int64_t frames = 0;               ///< T = 4k + 1; 0: of the actions or videos given, or the model's
  int steps = 0;                         ///< denoising steps; 0: the model's
  std::optional<double> guidance{};      ///< classifier-free guidance scale, 1: none; the model's if not given
  std::optional<double> shift{};         ///< of the schedule; the model's if not given
  std::optional<std::string> negative_prompt{};
  std::uint64_t seed = 0;
  /// Called after every denoising step with (done, steps); returning false throws Interrupted.
  std::function<bool(int, int)> progress{};
};

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
  /// @param rig     calibrated cameras of the views, in any world frame: actions come out in the same.
  /// @throws ShapeError for a wrong number or size of pictures, or frames not 4k + 1; ValueError for an empty or over-long
  ///         prompt, missing actions, or an option out of range.
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
