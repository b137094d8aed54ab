// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <action_images/world/sampling.hpp>
#include <action_images/world/world_model.hpp>

#include "request.hpp"

namespace action_images {

/// One call of WorldModel::generate, its options resolved against the model's defaults.
class Generation {
 public:
  /// Checks the request and encodes what is given. @throws as WorldModel::generate
  Generation(const WorldModel& model, const std::vector<VideoFrames>& views, std::string prompt, const Rig& rig,
             const GenerateOptions& options);

  Rollout run();

 private:
  void encode_pictures();
  void encode_known_actions(const Rig& given);
  at::Tensor draw_known_actions(const Rig& given) const;
  void encode_prompt();
  VaeOptions vae_options(std::string_view stage) const;
  bool report(std::string_view stage, std::int64_t done, std::int64_t total) const;

  Sampled sample() const;
  at::Tensor video_of(const at::Tensor& latents) const;
  at::Tensor action_images_of(const at::Tensor& latents, const at::Tensor& video) const;
  Rollout unread_rollout(const at::Tensor& latents) const;
  void read_actions(Rollout& rollout) const;
  nlohmann::json settings(const StepCacheStatistics& evaluations) const;

  const WorldModel& model_;
  const WorldConfig& config_;
  GenerateOptions options_;
  SampleOptions sampling_;
  std::string prompt_;
  std::string negative_prompt_;
  Rig rig_;              // of the model's pictures
  at::Tensor pictures_;  // uint8 [V, n, H, W, 3], n = 1 or T
  at::Tensor drawn_;     // uint8 [V, T, H, W, 3], the given action images of a2v
  WorldInputs inputs_;
  nlohmann::json timings_;
};

}  // namespace action_images
