// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include <action_images/data/clip_loader.hpp>
#include <action_images/data/clip_sampler.hpp>
#include <action_images/dist/process_group.hpp>
#include <action_images/dist/watchdog.hpp>
#include <action_images/train/batches.hpp>
#include <action_images/train/checkpoint_store.hpp>
#include <action_images/train/config.hpp>
#include <action_images/train/latent_cache.hpp>
#include <action_images/train/optimizer.hpp>
#include <action_images/train/replica.hpp>
#include <action_images/train/throughput.hpp>
#include <action_images/train/training_model.hpp>

namespace action_images {

/// The clips of a run.
struct TrainingData {
  std::shared_ptr<const ClipSampler> training;
  std::shared_ptr<const ClipSampler> validation;  ///< or none
};

/// Opens the data sets that a configuration names, in the sizes of its model.
/// @throws as ClipSampler
TrainingData open_training_data(const TrainConfig& config);

/// Trains a world model: fits or loads the VAE, encodes the clips, optimises, validates, saves.
///
/// Everything random about a sample is drawn from the seed and its number, so a run that is stopped and resumed, or
/// divided over several processes, gives the weights of one that was not (up to the order of sums between processes).
class Trainer {
 public:
  /// Called with one JSON object per event ({"event": "log" | "validation" | "cache" | "checkpoint" | "skipped" |
  /// "resumed" | "notice" | "done", ...}) in rank 0, and after each step with {"event": "step", "step": N} in every
  /// process; returning false saves a checkpoint and stops.
  using Listener = std::function<bool(const nlohmann::json& event)>;

  /// @param output  folder for `checkpoint-N/`, `log.jsonl` and, at the end, `final_model.safetensors`; an interrupted
  ///                run that is found there is continued.
  /// @throws FormatError if the data, the tokenizer or a checkpoint cannot be read.
  Trainer(TrainConfig config, std::filesystem::path output, TrainingData data, Listener listener,
          ProcessGroup group = ProcessGroup::alone());
  ~Trainer();

  /// Trains to the end. @return true if it got there, false if the listener stopped it.
  /// @throws NumericalError if too many steps were not finite; DistributedError if another process fails.
  bool run();

 private:
  struct Sums;

  ClipList clip_list(const std::shared_ptr<const ClipSampler>& sampler, std::int64_t count) const;
  void open_clips();
  std::unique_ptr<ClipLoader> loader() const;
  void step();
  void optimize();
  double flops_of_sample(std::int64_t tokens) const;
  void skip(double norm);
  void update_average();
  bool log();
  bool validate();
  TensorMap evaluated();
  void load_into_network(const TensorMap& tensors);
  bool report(nlohmann::json event);
  bool agreed(bool go_on) const;
  void save_checkpoint();
  void load_checkpoint();
  void save_model();

  TrainConfig config_;
  std::filesystem::path output_;
  TrainingData data_;
  Listener listener_;
  ProcessGroup group_;
  Watchdog watchdog_;
  std::unique_ptr<TrainingModel> model_;
  std::unique_ptr<LatentSource> clips_;
  std::unique_ptr<LatentCache> validation_;
  std::unique_ptr<BatchMaker> batches_;
  std::unique_ptr<Replica> replica_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<CheckpointStore> checkpoints_;
  TensorMap average_;  // exponential moving average of what the optimiser changes
  std::unique_ptr<Sums> sums_;
  Throughput throughput_;
  std::int64_t step_ = 0;
  std::int64_t skipped_ = 0;
  std::optional<double> error_;  // of the last validation [mm]
};

}  // namespace action_images
