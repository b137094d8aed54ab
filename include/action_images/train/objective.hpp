// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <action_images/world/network.hpp>

namespace action_images {

struct ObjectiveOptions {
  double shift = 5.0;              ///< of the noise levels drawn: u uniform, sigma = shift u / (1 + (shift - 1) u)
  double high_noise_share = 0.0;   ///< of the samples whose noise level is drawn uniformly from [high_noise_from, 1] instead
  double high_noise_from = 0.95;
  double min_weight_sigma = 0.3;   ///< errors of sample predictions are divided by max(sigma, this)
  double action_weight = 1.0;      ///< of the errors of action latents against video latents
};

struct ObjectiveLoss {
  at::Tensor total;          ///< scalar with a gradient
  double action_mse = 0.0;   ///< of the predicted latents (or velocity), unweighted; 0 if there are none
  double video_mse = 0.0;
};

/// Flow-matching loss over the latent frames that are not given. Paper Eq. 11.
///
/// Velocity predictions: mean squared error to noise - clean, times the schedule's training weight at the sample's level.
/// Sample predictions: mean squared error to the clean latents, divided by max(sigma, min_weight_sigma).
ObjectiveLoss world_loss(const WorldNetwork& network, const WorldInputs& inputs, const ObjectiveOptions& options,
                         at::Generator generator);

}  // namespace action_images
