// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <action_images/core/interrupted.hpp>
#include <action_images/data/mixture.hpp>
#include <action_images/train/clip_list.hpp>
#include <action_images/train/optimizer.hpp>
#include <action_images/world/action_head.hpp>
#include <action_images/world/world_model.hpp>

namespace action_images {

/// What a training tells its caller.
struct ActionHeadTrainingEvent {
  std::string_view stage;  ///< "clips", generated and read, or "steps"
  std::int64_t done = 0;
  std::int64_t total = 0;
  double loss = 0.0;  ///< of the last step; 0 in the stage "clips"
};

struct ActionHeadTrainingOptions {
  std::int64_t steps = 2000;
  std::int64_t batch = 32;
  std::int64_t clips = 0;     ///< drawn from the data; 0: one of every episode, in their order
  std::int64_t views = 0;     ///< of a clip, drawn; 0: all of an episode, in their order
  std::uint64_t seed = 0;     ///< of the generations, the fresh weights and the batches
  std::int64_t hidden = 512;  ///< see ActionHeadConfig
  std::int64_t layers = 3;
  std::int64_t latent_pool = 4;
  double position_scale = 0.1;  ///< [m]
  ActionHeadLossWeights weights = {};
  OptimizerOptions optimizer = {.learning_rate = 1e-3, .beta2 = 0.999};
  double clip_norm = 1.0;
  /// Folder that keeps what was generated of the clips for the next training, or for this one when it was stopped;
  /// empty: none. A file there that was made by another model, of other clips or with another seed is made again.
  std::filesystem::path cache = {};
  /// Called for every clip and step; returning false stops by an Interrupted error.
  std::function<bool(const ActionHeadTrainingEvent&)> progress = {};
};

/// Reads options with the fields' names as keys ("learning_rate" and "weight_decay" of the optimiser, "weights" as
/// {"position", "rotation", "openness"}); absent keys keep their defaults.
/// @throws FormatError on an unknown key or a wrong type; ValueError on a value out of range.
ActionHeadTrainingOptions action_head_training_options(const nlohmann::json& json);

/// Clips as a head learns from them: what the model generated and the codec read, and the recorded actions.
struct ActionHeadExamples {
  ActionHeadInputs inputs;  ///< (N, ...)
  ActionHeadPoses wanted;   ///< (N, ...)
};

/// Generates every clip from its first pictures and its text (task i2va) and reads the action images; from the cache
/// where it has them.
/// @throws ValueError if a clip has no actions or does not fit the model; FormatError for damaged data; Interrupted.
ActionHeadExamples action_head_examples(const WorldModel& model, const ClipList& clips,
                                        const ActionHeadTrainingOptions& options);

/// Trains a head from scratch. Equal options give equal weights on one machine at one number of torch's threads.
/// @throws ShapeError if there are no examples or their sizes do not fit the config; NumericalError if the loss is not
///         finite; Interrupted.
ActionHead train_action_head(const ActionHeadExamples& examples, const ActionHeadConfig& config,
                             const ActionHeadTrainingOptions& options);

/// Both together, with clips of the data in the model's size.
ActionHead train_action_head(const WorldModel& model, std::vector<MixtureSource> data,
                             const ActionHeadTrainingOptions& options);

}  // namespace action_images
