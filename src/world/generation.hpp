// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <action_images/world/world_model.hpp>

namespace action_images {

/// One call of WorldModel::generate, its options resolved against the model's defaults.
class Generation {
 public:
  /// @throws as WorldModel::generate
  Generation(const WorldModel& model, const std::vector<VideoFrames>& views, std::string prompt, const Rig& rig,
             const GenerateOptions& options);

  Rollout run();

 private:
  void check_options(const std::vector<VideoFrames>& views);
  std::int64_t resolve_frames(const std::vector<VideoFrames>& views) const;
  void encode(const std::vector<VideoFrames>& views);
  void encode_known_actions();
  void encode_prompt();
  at::Tensor sample() const;
  void read_actions(Rollout& rollout) const;
  nlohmann::json settings() const;

  const WorldModel& model_;
  const WorldConfig& config_;
  GenerateOptions options_;
  std::string prompt_;
  Rig rig_;               // of the model's pictures
  at::Tensor pictures_;   // uint8 [V, n, H, W, 3], n = 1 or T
  at::Tensor drawn_;      // uint8 [V, T, H, W, 3], the given action images of a2v
  WorldInputs inputs_;
  at::Tensor negative_text_;  // states of the negative prompt, with guidance
  nlohmann::json timings_;
};

}  // namespace action_images
