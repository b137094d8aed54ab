// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <action_images/data/clip.hpp>
#include <action_images/train/objective.hpp>
#include <action_images/train/optimizer.hpp>
#include <action_images/train/schedule.hpp>
#include <action_images/train/tasks.hpp>
#include <action_images/vae/tiling.hpp>
#include <action_images/world/config.hpp>

namespace action_images {

/// A stretch of training with one kind of sequence.
struct TrainPhase {
  enum class Sequence {
    joint,           ///< all views, video and actions, as the drawn task says
    image_to_action  ///< one view's first picture and its actions, a cheap start: `[video_v[0], action_v]`
  };
  Sequence sequence = Sequence::joint;
  std::int64_t steps = 1000;
  std::int64_t batch = 1;  ///< samples of a step, over all processes
  TaskMixture tasks{{{"i2va", 1.0}}};
};

/// How a VAE of kind "patch" is fitted in closed form before training.
struct VaeFitOptions {
  std::int64_t clips = 1000;
  double action_weight = 1.0;  ///< of action images against video
  double std_power = 0.5;
};

/// What training starts from. All empty: a model of the config with random weights.
struct InitialModel {
  std::string checkpoint;  ///< a model folder of ours, a checkpoint of the release, a folder of Wan's or diffusers'
  std::string base;        ///< a folder with the parts that the checkpoint does not have
  std::string model_id = "Wan-AI/Wan2.2-TI2V-5B";  ///< searched last: the folder checkpoints/model_id
  std::string vae;  ///< VAE weights of a model that starts at random; empty: a "patch" VAE is fitted
};

/// The clips that are trained on.
struct TrainDataOptions {
  std::string path{};        ///< a data set, or the folder that the names of `name` are in
  std::string name{};        ///< "name@ratio,name@ratio"; empty: `path` itself
  std::string validation{};  ///< a data set that is never trained on; empty: none
  std::string cache{};       ///< folder for encoded clips; empty: `latents` inside the output folder
  /// Clips that are encoded once and then drawn from; -1: every episode's first window; 0: every clip is encoded when
  /// it is drawn.
  std::int64_t cached_clips = 0;
  std::int64_t interval = 0;  ///< frames of the episode from one frame of the clip to the next; 0: the data set's own
  std::int64_t views = -1;    ///< of a clip, drawn; 0: all of the episode, in their order; -1: those of the model, or 2
  std::int64_t threads = 2;   ///< that decode
  Augmentation augmentation{};
  double max_bad_share = 0.01;  ///< of damaged episodes, before the run stops
};

/// Which parameters change.
struct TrainableOptions {
  enum class Kind {
    full,
    partial,  ///< camera encoders, projectors, self-attention and text embedding, as the release offers
    lora      ///< low-rank changes of the transformer's linear layers
  };
  Kind kind = Kind::full;
  LoraLayers lora{};
};

enum class Parallel {
  ddp,    ///< every process holds everything, gradients are averaged
  zero1,  ///< the optimiser's state is split over the processes
  zero2   ///< and the gradients
};

/// When a run saves itself, and what stays.
struct CheckpointOptions {
  std::int64_t every_n_steps = 500;
  std::int64_t keep_last = 2;
  std::int64_t keep_best = 0;  ///< also so many with the lowest validation error
};

struct TrainConfig {
  WorldConfig world;
  nlohmann::json model = nlohmann::json::object();  ///< as read; laid over the config of an initial model
  InitialModel initial;
  std::string tokenizer;  ///< path of the SentencePiece model of a model that starts at random
  TrainDataOptions data;
  std::optional<Tiling> vae_tiling{};  ///< clips are encoded in tiles
  std::string resume;  ///< a folder checkpoint-N of another run that is gone on with where the output has none
  std::uint64_t seed = 0;
  std::int64_t max_steps = 0;   ///< 0: those of the phases
  std::int64_t batch_size = 1;  ///< samples of one process and backward pass, where no phase says more
  std::int64_t gradient_accumulation_steps = 1;
  TaskMixture tasks{{{"i2va", 1.0}}};  ///< where no phase says more
  std::vector<TrainPhase> phases;      ///< one after the other; the last goes on to max_steps
  VaeFitOptions vae_fit;
  ObjectiveOptions objective;
  OptimizerOptions optimizer;
  LearningRateOptions schedule;
  TrainableOptions trainable;
  Parallel parallel = Parallel::ddp;
  double first_action_known = 0.5;  ///< share of samples in which the first action is given
  double text_dropout = 0.05;       ///< share of samples whose text is emptied
  /// Words that are replaced at random in the texts by one of the alternatives (itself included).
  std::map<std::string, std::vector<std::string>> synonyms;
  bool task_by_step = false;  ///< all samples of a step have one task, and one batch carries them all
  double max_grad_norm = 1.0;
  double skip_grad_norm = 0.0;  ///< steps whose gradient is longer are skipped; 0: only those that are not finite
  std::int64_t max_skipped_steps = 20;  ///< before the run stops
  double ema = 0.0;                     ///< of the weights that are saved and validated; 0: none
  bool bfloat16 = false;                ///< compute in bfloat16 with float32 master weights
  bool use_gradient_checkpointing = false;
  bool use_gradient_checkpointing_offload = false;  ///< what is kept of every block lies in the CPU's memory
  CheckpointOptions checkpoint;
  std::int64_t log_every_n_steps = 25;
  std::int64_t validate_every_n_steps = 1000;
  std::int64_t validation_clips = 64;
  std::int64_t sample_videos = 0;  ///< clips of which each validation writes the generated videos
  double peak_tflops = 0.0;        ///< of one device, for the logged utilisation (MFU); 0: not logged

  std::int64_t total_steps() const;
  /// The phase of a step. @param step in [0, total_steps())
  const TrainPhase& phase_at(std::int64_t step) const;
  /// Number of the step's first sample, counted from the start of the run.
  std::int64_t first_sample(std::int64_t step) const;
};

/// Reads a configuration (docs/training.md). @param processes  that train together: without phases, a step has
/// batch_size x gradient_accumulation_steps x processes samples.
/// @throws FormatError naming an unknown or wrong key.
TrainConfig train_config_from_json(const nlohmann::json& json, std::int64_t processes = 1);

}  // namespace action_images
