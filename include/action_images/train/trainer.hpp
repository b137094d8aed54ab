// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <action_images/text/tokenizer.hpp>
#include <action_images/train/config.hpp>
#include <action_images/train/latent_dataset.hpp>
#include <action_images/train/optimizer.hpp>
#include <action_images/world/network.hpp>

namespace action_images {

/// Trains a world model on clips: fits the VAE, encodes the clips, optimises, validates, saves.
///
/// Everything random in step n is drawn from (seed, n), so a run that is stopped and resumed gives the weights of a run
/// that was not.
class Trainer {
 public:
  /// Called with one JSON object per event ({"event": "log" | "validation" | "cache" | "checkpoint" | "done", ...});
  /// returning false saves a checkpoint and stops.
  using Listener = std::function<bool(const nlohmann::json& event)>;

  /// @param output  folder for `checkpoint.safetensors`, `log.jsonl` and, at the end, `model/`; an interrupted run that is
  ///                found there is continued.
  /// @throws FormatError if the data, the tokenizer or a checkpoint cannot be read.
  Trainer(TrainConfig config, std::filesystem::path output, Listener listener);

  /// Trains to the end. @return true if it got there, false if the listener stopped it.
  bool run();

 private:
  void prepare_vae(const ClipDataset& clips);
  void step();
  WorldInputs draw_inputs(const TrainPhase& phase, at::Generator& generator) const;
  std::string draw_text(const std::string& text, at::Generator& generator) const;
  TensorMap gradients() const;
  void update_average();
  double learning_rate_scale() const;
  bool validate();
  bool report(nlohmann::json event);
  void save_checkpoint() const;
  void load_checkpoint();
  void save_model();

  TrainConfig config_;
  std::filesystem::path output_;
  Listener listener_;
  Tokenizer tokenizer_;
  std::unique_ptr<VideoVae> vae_;
  std::unique_ptr<LatentDataset> data_, validation_;
  WorldNetwork master_;             // float32 weights that the optimiser changes
  WorldNetwork compute_;            // the same weights in the dtype of the forward and backward pass
  TensorMap average_;               // exponential moving average of the master weights
  std::unique_ptr<Optimizer> optimizer_;
  std::int64_t step_ = 0;
  std::int64_t steps_since_log_ = 0;
  double loss_sum_ = 0.0, action_sum_ = 0.0, video_sum_ = 0.0;
};

}  // namespace action_images
