// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/core/Tensor.h>

#include <action_images/nn/blocks.hpp>
#include <action_images/nn/parameters.hpp>

/// The vision transformer block that all parts of VGGT are made of.
namespace action_images::vggt {

/// x <- x + ls1 attention(norm1(x)); x <- x + ls2 mlp(norm2(x)), with an MLP four times as wide and GELU by erf.
struct Block {
  nn::NormParameters norm1, norm2;
  nn::LinearParameters qkv, proj, fc1, fc2;
  nn::NormParameters q_norm, k_norm;  // undefined without normalised queries and keys
  at::Tensor scale1, scale2;          // (dim) "ls1.gamma", "ls2.gamma"
};

struct BlockOptions {
  std::int64_t dim;
  std::int64_t heads;
  double eps = 1e-5;     // of all norms
  bool qk_norm = false;  // queries and keys are normalised per head
};

Block declare_block(const Scope& scope, const BlockOptions& options);

/// cos and sin of a token's angles: (N, head_dim) each.
struct Rotation {
  at::Tensor cos, sin;
};

/// Rotary angles of tokens at (row, column) positions: the first half of a head turns by the row, the second by the
/// column; within a half of size d element j turns with j + d / 2 by position 100^(-2 j / d).
/// @param positions  (N, 2) floating point.
Rotation rotation_2d(const at::Tensor& positions, std::int64_t head_dim);

/// @param x  (B, N, dim) float32; the layers compute in their weights' dtype, sums and norms in float32.
at::Tensor run_block(const Block& block, const BlockOptions& options, const at::Tensor& x,
                     const std::optional<Rotation>& rotation = {});

/// Layer norm of float32 tokens with parameters of any dtype.
at::Tensor norm(const at::Tensor& x, double eps, const nn::NormParameters& parameters);

/// A linear layer in its weights' dtype, back in float32.
at::Tensor project(const nn::LinearParameters& layer, const at::Tensor& x);

}  // namespace action_images::vggt
