// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <action_images/world/network.hpp>

namespace action_images {

struct ObjectiveOptions {
  enum class Levels {
    continuous,  ///< u uniform in (0, 1), sigma = shift u / (1 + (shift - 1) u)
    schedule     ///< one of the 1000 levels of the training schedule, as released
  };
  Levels levels = Levels::continuous;
  double shift = 5.0;              ///< of the noise levels
  double high_noise_share = 0.0;   ///< of the samples whose noise level is drawn uniformly from [high_noise_from, 1] instead
  double high_noise_from = 0.95;
  double min_weight_sigma = 0.3;   ///< errors of sample predictions are divided by max(sigma, this)
  double action_weight = 1.0;      ///< of the errors of action latents against video latents
};

/// The noise that samples are trained with.
struct NoiseDraw {
  at::Tensor sigma;  ///< [B] levels in (0, 1]
  at::Tensor noise;  ///< [B, C, T, h, w] standard normal
};

/// Draws for one sample. @param sizes  of its latents, [C, T, h, w].  @return with B = 1
NoiseDraw draw_noise(at::IntArrayRef sizes, const ObjectiveOptions& options, at::Generator& generator);

struct ObjectiveLoss {
  at::Tensor total;          ///< scalar with a gradient: the mean over samples
  double action_mse = 0.0;   ///< of the predicted latents (or velocity), unweighted; 0 if there are none
  double video_mse = 0.0;
};

/// Flow-matching loss over the latent frames that are not given. Paper Eq. 11.
///
/// Velocity predictions: mean squared error to noise - clean, times the schedule's training weight at the sample's level.
/// Sample predictions: mean squared error to the clean latents, divided by max(sigma, min_weight_sigma).
ObjectiveLoss world_loss(const WorldNetwork& network, const WorldInputs& inputs, const NoiseDraw& draw,
                         const ObjectiveOptions& options);

}  // namespace action_images
