// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <action_images/train/objective.hpp>
#include <action_images/train/optimizer.hpp>
#include <action_images/world/config.hpp>

namespace action_images {

/// A stretch of training with one kind of sequence.
struct TrainPhase {
  enum class Sequence {
    joint,           ///< all views, video and actions; the task is drawn for each batch
    image_to_action  ///< one view's first picture and its actions, a cheap start: `[video_v[0], action_v]`
  };
  Sequence sequence = Sequence::joint;
  std::int64_t steps = 1000;
  std::int64_t batch = 16;
  std::map<std::string, double> tasks{{"i2va", 1.0}};  ///< relative frequency by task name
};

/// How a VAE of kind "patch" is fitted in closed form before training.
struct VaeFitOptions {
  std::int64_t clips = 1000;
  double action_weight = 1.0;  ///< of action images against video
  double std_power = 0.5;
};

struct TrainConfig {
  WorldConfig world;
  std::string tokenizer;  ///< path of the SentencePiece model
  std::string data;       ///< folder of clips
  std::string validation; ///< folder of clips that are never trained on; empty: none
  std::string cache;      ///< folder for encoded clips; empty: `latents` inside the output folder
  std::uint64_t seed = 0;
  std::vector<TrainPhase> phases;
  VaeFitOptions vae_fit;
  ObjectiveOptions objective;
  OptimizerOptions optimizer;
  double first_action_known = 0.5;  ///< share of batches in which the first action is given
  double text_dropout = 0.05;       ///< share of samples whose text is emptied
  /// Words that are replaced at random in the texts by one of the alternatives (itself included).
  std::map<std::string, std::vector<std::string>> synonyms;
  std::int64_t warmup = 100;        ///< steps
  double decay_from = 1.0;          ///< share of the steps after which the learning rate falls linearly ...
  double final_scale = 0.02;        ///< ... to this share of it
  double clip_norm = 1.0;
  double ema = 0.999;               ///< of the weights that are saved and validated; 0: none
  bool bfloat16 = false;            ///< compute in bfloat16 with float32 master weights
  std::int64_t log_every = 25;
  std::int64_t checkpoint_every = 500;
  std::int64_t validate_every = 1000;
  std::int64_t validation_clips = 64;

  std::int64_t total_steps() const;
  /// The phase of a step. @param step in [0, total_steps())
  const TrainPhase& phase_at(std::int64_t step) const;
};

/// {"model": {config.json of the world model}, "data": ..., ...}. @throws FormatError naming an unknown or wrong key.
TrainConfig train_config_from_json(const nlohmann::json& json);

}  // namespace action_images
