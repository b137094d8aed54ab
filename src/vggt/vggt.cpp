// SPDX-License-Identifier: Apache-2.0
#include <action_images/vggt/vggt.hpp>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>
#include <action_images/core/interrupted.hpp>

#include "network.hpp"

namespace action_images {

namespace {

constexpr const char* where = "vggt::Vggt";
constexpr std::int64_t depth_channels = 2, point_channels = 4;

void check_images(const at::Tensor& images, const VggtConfig& config) {
  const bool fits = images.dim() == 5 && images.size(0) > 0 && images.size(1) > 0 && images.size(2) == 3 &&
                    images.size(3) > 0 && images.size(4) > 0 && images.size(3) % config.patch == 0 &&
                    images.size(4) % config.patch == 0;
  check_shape(fits, where, "images", text_of("(B, S, 3, H, W), H and W multiples of ", config.patch), images.sizes());
  check(images.is_floating_point(), where, "images", "a floating-point dtype", at::toString(images.scalar_type()));
}

struct Steps {
  std::int64_t chunk;  // pictures that a head takes at once
  vggt::Advance advance;
};

// Counts blocks, the camera head and chunks of dense heads.
vggt::Advance counted(const VggtOptions& options, const VggtConfig& config, std::int64_t pictures) {
  if (!options.progress) return [] {};
  const std::int64_t chunks = (pictures + options.chunk - 1) / options.chunk;
  const std::int64_t heads = (options.depth ? chunks : 0) + (options.points ? chunks : 0);
  return [&options, total = config.dino_depth + config.depth + 1 + heads, done = std::int64_t{0}]() mutable {
    if (!options.progress(++done, total)) throw Interrupted("[vggt::Vggt] stopped by the progress callback");
  };
}

// Runs a dense head on all pictures, a few at once. Channels last: (B, S, H, W, channels).
at::Tensor run_in_chunks(const vggt::DenseHead& head, const VggtConfig& config, const std::vector<at::Tensor>& outputs,
                         const at::Tensor& images, const Steps& steps) {
  const std::int64_t pictures = images.size(0) * images.size(1), first = config.first_patch();
  std::vector<at::Tensor> made;
  for (std::int64_t begin = 0; begin < pictures; begin += steps.chunk) {
    const std::int64_t count = std::min(steps.chunk, pictures - begin);
    std::array<at::Tensor, 4> taps;
    for (std::size_t i = 0; i < taps.size(); ++i) {
      const at::Tensor tokens = outputs[static_cast<std::size_t>(config.taps[i])].flatten(0, 1).narrow(0, begin, count);
      taps[i] = tokens.narrow(1, first, tokens.size(1) - first);
    }
    made.push_back(run_dense_head(head, config, taps, images.size(3), images.size(4)));
    steps.advance();
  }
  return at::cat(made).permute({0, 2, 3, 1}).unflatten(0, {images.size(0), images.size(1)});
}

at::Tensor confidence(const at::Tensor& channels) { return channels.select(-1, channels.size(-1) - 1).exp() + 1.0; }

}  // namespace

Vggt::Vggt(const VggtConfig& config, Parameters parameters) : config_(config), parameters_(std::move(parameters)) {
  check_vggt_config(config_);
  const Scope root(parameters_);
  auto network = std::make_shared<vggt::Network>();
  network->aggregator = vggt::declare_aggregator(root / "aggregator", config_);
  network->camera_head = vggt::declare_camera_head(root / "camera_head", config_);
  network->depth_head = vggt::declare_dense_head(root / "depth_head", config_, depth_channels);
  network->point_head = vggt::declare_dense_head(root / "point_head", config_, point_channels);
  parameters_.finish();
  network_ = std::move(network);
}

std::vector<at::Tensor> Vggt::aggregate(const at::Tensor& images, const std::vector<std::int64_t>& outputs) const {
  check_images(images, config_);
  for (const std::int64_t output : outputs) {
    check(output >= 0 && output < config_.depth, where, "outputs", text_of("0..", config_.depth - 1), output);
  }
  return run_aggregator(network_->aggregator, config_, images.to(at::kFloat), outputs, [] {});
}

VggtOutput Vggt::forward(const at::Tensor& images, const VggtOptions& options) const {
  check(options.iterations >= 1 && options.iterations <= 64, where, "iterations", "1..64", options.iterations);
  check(options.chunk >= 1, where, "chunk", "at least 1", options.chunk);
  std::vector<std::int64_t> wanted{config_.depth - 1};
  if (options.depth || options.points) wanted.insert(wanted.end(), config_.taps.begin(), config_.taps.end());
  check_images(images, config_);
  const Steps steps{options.chunk, counted(options, config_, images.size(0) * images.size(1))};
  const std::vector<at::Tensor> outputs =
      run_aggregator(network_->aggregator, config_, images.to(at::kFloat), wanted, std::ref(steps.advance));

  VggtOutput output;
  output.pose_enc_list =
      run_camera_head(network_->camera_head, config_, outputs.back().select(2, 0), options.iterations);
  steps.advance();
  output.pose_enc = output.pose_enc_list.back();
  output.cameras = cameras_from_pose_encoding(output.pose_enc, images.size(3), images.size(4));
  if (options.depth) {
    const at::Tensor channels = run_in_chunks(network_->depth_head, config_, outputs, images, steps);
    output.depth = channels.narrow(-1, 0, depth_channels - 1).exp();
    output.depth_conf = confidence(channels);
  }
  if (options.points) {
    const at::Tensor channels = run_in_chunks(network_->point_head, config_, outputs, images, steps);
    const at::Tensor points = channels.narrow(-1, 0, point_channels - 1);
    output.world_points = points.sign() * points.abs().expm1();
    output.world_points_conf = confidence(channels);
  }
  return output;
}

void Vggt::trunk_to(at::ScalarType dtype) {
  check(at::isFloatingType(dtype), "vggt::Vggt::trunk_to", "dtype", "a floating-point type", at::toString(dtype));
  for (const auto& [name, parameter] : parameters_.named()) {
    if (name.starts_with("aggregator.")) parameter.set_data(parameter.detach().to(dtype));
  }
}

TensorMap vggt_tensors(const TensorMap& tensors) {
  TensorMap kept;
  for (const auto& [name, tensor] : tensors) {
    const bool unused = name.rfind("track_head.", 0) == 0 || name == "aggregator.patch_embed.mask_token";
    if (!unused) kept.emplace(name, tensor);
  }
  return kept;
}

}  // namespace action_images
