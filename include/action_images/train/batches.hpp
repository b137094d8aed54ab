// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <action_images/train/config.hpp>
#include <action_images/train/latents.hpp>
#include <action_images/train/objective.hpp>

namespace action_images {

/// Samples that go through the network together, because they have the same task and sequence.
struct TrainingBatch {
  WorldInputs inputs;
  NoiseDraw draw{};
  std::vector<std::int64_t> samples{};  ///< their numbers in the run
  std::vector<std::string> episodes{};  ///< where they come from
};

/// Puts the prompts of a batch into its inputs: tokens or states.
using PromptReader = std::function<void(const std::vector<std::string>& prompts, WorldInputs& inputs)>;

/// Makes the batches of a run. Everything random about a sample (its clip, task, text, noise) is drawn from the seed and
/// the sample's number, so a run has the same samples for any number of processes and across a resume.
class BatchMaker {
 public:
  /// All must outlive it.
  BatchMaker(const TrainConfig& config, const WorldConfig& world, LatentSource& clips, PromptReader prompts)
      : config_(&config), world_(&world), clips_(&clips), prompts_(std::move(prompts)) {}

  /// The samples `first` .. `first + count` of a step, in batches of one task.
  std::vector<TrainingBatch> batches(std::int64_t step, std::int64_t first, std::int64_t count) const;

 private:
  struct Sample {
    std::int64_t number;
    LatentClip clip;
    std::string text{};
    TaskDraw task{};
    NoiseDraw noise{};
  };

  Sample sample(std::int64_t step, std::int64_t number) const;
  TaskDraw draw_task(const TrainPhase& phase, const LatentClip& clip, at::Generator& generator) const;
  std::string draw_text(const std::string& text, at::Generator& generator) const;
  TrainingBatch joined(std::vector<Sample> samples) const;

  const TrainConfig* config_;
  const WorldConfig* world_;
  LatentSource* clips_;
  PromptReader prompts_;
};

}  // namespace action_images
