// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>
#include <nlohmann/json_fwd.hpp>

#include <action_images/data/mixture.hpp>
#include <action_images/train/optimizer.hpp>
#include <action_images/vae/video_vae.hpp>
#include <action_images/world/config.hpp>

namespace action_images {

enum class VaePart { encoder, decoder, both };

/// After a step: its loss and the parts of it, not weighted.
struct VaeFinetuningEvent {
  std::int64_t step = 0;  ///< steps done
  std::int64_t steps = 0;
  double loss = 0.0;
  double l1 = 0.0;
  double l2 = 0.0;
  double kl = 0.0;
  double perceptual = 0.0;
};

/// A distance of two sets of pictures (N, 3, H, W) in [-1, 1], a scalar that autograd passes through.
using PerceptualLoss = std::function<at::Tensor(const at::Tensor& decoded, const at::Tensor& given)>;

struct VaeFinetuningOptions {
  VaePart part = VaePart::decoder;  ///< "encoder" moves the latents, which a transformer has to follow
  std::int64_t steps = 1000;
  std::int64_t batch = 1;     ///< videos of a step
  std::int64_t frames = 0;    ///< of a video, stride k + 1, from a random place in its episode; 0: as the model has them
  double action_share = 0.5;  ///< how many of the videos are action images, 0..1; of episodes without actions none are
  double l1 = 1.0;            ///< weight of the mean absolute difference of pixels in [-1, 1]
  double l2 = 0.0;            ///< weight of the mean squared difference
  /// Weight of the divergence of N(z, 1) from N(0, 1), z the normalised latents: half their mean square.
  double kl = 0.0;
  double perceptual_weight = 0.0;
  PerceptualLoss perceptual = {};  ///< needed by a perceptual_weight above 0
  OptimizerOptions optimizer = {.learning_rate = 1e-5, .beta2 = 0.999, .weight_decay = 0.0};
  double clip_norm = 1.0;
  std::uint64_t seed = 0;
  std::int64_t checkpoint_every = 100;  ///< steps
  std::int64_t threads = 2;             ///< that read the data, 1..256
  /// Called after every step; returning false saves a checkpoint and stops.
  std::function<bool(const VaeFinetuningEvent&)> progress = {};
};

/// Reads options with the fields' names as keys ("learning_rate" and "weight_decay" of the optimiser, "part" by name);
/// absent keys keep their defaults, and what is a function is not read.
/// @throws FormatError on an unknown key or a wrong type; ValueError on a value out of range.
VaeFinetuningOptions vae_finetuning_options(const nlohmann::json& json);

/// Trains a VAE to give back videos and action images, in float32, and goes on with a run that stopped in `output`.
///
/// The normalisation of the latents (mean, std) stays as it is. All that is random in step n is drawn from (seed, n): a
/// run that is stopped and resumed has the weights of one that was not.
/// Every video is one view of a window of an episode, in the model's size.
/// @param vae     holds the weights to start from, and at the end the trained ones; its parameters are its own.
/// @param output  folder, created: checkpoint.safetensors, and at the end vae.safetensors with the VAE's names.
/// @return whether the run got to its end.
/// @throws FormatError for data or a checkpoint that cannot be read or belong to another run; ShapeError if the number of
///         frames does not fit the VAE; NumericalError if the loss is not finite.
bool finetune_vae(VideoVae& vae, const WorldConfig& config, std::vector<MixtureSource> data,
                  const std::filesystem::path& output, const VaeFinetuningOptions& options);

}  // namespace action_images
