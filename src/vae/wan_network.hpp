// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include <ATen/core/Tensor.h>

#include <action_images/nn/parameters.hpp>
#include <action_images/vae/wan_vae_config.hpp>

#include "wan_layers.hpp"

namespace action_images::wan_vae {

/// Layers in a row; with 2.2 a parameter-free shortcut leads around them.
struct Stage {
  std::vector<std::variant<ResidualBlock, AttentionBlock, Resample>> layers;
  std::optional<Shortcut> shortcut;
};

/// "encoder" or "decoder" of the published checkpoints: first convolution, stages, middle, last convolution; the
/// decoder has its middle before its stages.
struct Coder {
  bool upward = false;  ///< whether it decodes
  Convolution first;
  std::vector<Stage> stages;
  Stage middle;
  at::Tensor norm;
  Convolution last;
};

struct Network {
  WanVaeConfig config;
  Coder encoder, decoder;
  Convolution conv1;     ///< after the encoder, (2 z, 2 z): the upper z are the mean
  Convolution conv2;     ///< before the decoder, (z, z)
  at::Tensor mean, std;  ///< (z) float64, constants of the config
};

/// Declares all parameters by their published names, in the published order.
Network declare_network(const Scope& root, const WanVaeConfig& config);

/// One chunk of features through an encoder or a decoder.
at::Tensor run_coder(const Coder& coder, at::Tensor x, Memory& memory);

}  // namespace action_images::wan_vae
