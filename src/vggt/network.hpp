// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

#include <action_images/vggt/config.hpp>
#include <action_images/vggt/vggt.hpp>

#include "blocks.hpp"

/// The parts of VGGT: parameters as structs, each with its functions in a file of its own.
namespace action_images::vggt {

/// Called when a part of the work is done; throws to end it.
using Advance = std::function<void()>;

/// DINOv2 with registers, without its class token's output. src/vggt/dino.cpp
struct Dino {
  at::Tensor cls_token;        // (1, 1, embed)
  at::Tensor register_tokens;  // (1, reg, embed)
  at::Tensor pos_embed;        // (1, 1 + table, embed)
  nn::LinearParameters patch;  // weight (embed, 3, patch, patch)
  std::vector<Block> blocks;
  nn::NormParameters norm;
};

Dino declare_dino(const Scope& scope, const VggtConfig& config);
/// Patch tokens (B, patches, embed) float32 of normalised pictures (B, 3, H, W).
at::Tensor run_dino(const Dino& dino, const VggtConfig& config, const at::Tensor& images, const Advance& advance);

/// Blocks that attend within each picture and over all of them in turn. src/vggt/aggregator.cpp
struct Aggregator {
  Dino dino;
  at::Tensor camera_token;    // (1, 2, 1, embed): the first picture's, all others'
  at::Tensor register_token;  // (1, 2, reg, embed)
  std::vector<Block> frame_blocks, global_blocks;
};

Aggregator declare_aggregator(const Scope& scope, const VggtConfig& config);
/// See Vggt::aggregate().
std::vector<at::Tensor> run_aggregator(const Aggregator& aggregator, const VggtConfig& config, const at::Tensor& images,
                                       const std::vector<std::int64_t>& outputs, const Advance& advance);

/// Refines the cameras' nine numbers, a correction an iteration. src/vggt/camera_head.cpp
struct CameraHead {
  nn::NormParameters token_norm, trunk_norm;
  std::vector<Block> trunk;
  at::Tensor empty_pose_tokens;  // (1, 1, 9)
  nn::LinearParameters embed_pose, modulation, fc1, fc2;
};

CameraHead declare_camera_head(const Scope& scope, const VggtConfig& config);
/// Pose encodings (B, S, 9) after each iteration. @param tokens  (B, S, 2 embed) of the aggregator's last output.
std::vector<at::Tensor> run_camera_head(const CameraHead& head, const VggtConfig& config, const at::Tensor& tokens,
                                        std::int64_t iterations);

/// A dense prediction head (DPT, Ranftl et al. 2021, arXiv 2103.13413). src/vggt/dense_head.cpp
struct DenseHead {
  struct Unit {
    nn::LinearParameters conv1, conv2;  // (features, features, 3, 3)
  };
  struct Fusion {
    Unit skip;  // undefined in the coarsest
    Unit unit;
    nn::LinearParameters out;  // (features, features, 1, 1)
  };

  nn::NormParameters norm;
  std::array<nn::LinearParameters, 4> projects;  // (out_channels, 2 embed, 1, 1)
  nn::LinearParameters grow4, grow2, shrink;     // "resize_layers" 0, 1 (transposed) and 3
  std::array<at::Tensor, 4> reassemble;          // "scratch.layerN_rn", no bias
  std::array<Fusion, 4> fusion;                  // "scratch.refinenetN", the finest first
  nn::LinearParameters narrow, hidden, out;      // "scratch.output_conv1", "output_conv2" 0 and 2
};

/// @param channels  of the output: a value's and its confidence.
DenseHead declare_dense_head(const Scope& scope, const VggtConfig& config, std::int64_t channels);
/// Channels (N, channels, H, W) before their activation. @param taps  four of (N, tokens, 2 embed), patches only.
at::Tensor run_dense_head(const DenseHead& head, const VggtConfig& config, const std::array<at::Tensor, 4>& taps,
                          std::int64_t height, std::int64_t width);

struct Network {
  Aggregator aggregator;
  CameraHead camera_head;
  DenseHead depth_head, point_head;
};

}  // namespace action_images::vggt
