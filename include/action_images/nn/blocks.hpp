// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include <ATen/core/Tensor.h>

#include <action_images/nn/parameters.hpp>

/// Building blocks of networks, as functions of (parameters, inputs). Autograd passes through all of them; they compute
/// in their inputs' dtype, norms inside in float32.
namespace action_images::nn {

/// A trainable low-rank change of a linear layer (LoRA, Hu et al., arXiv 2106.09685).
struct LowRankParameters {
  at::Tensor down;   ///< A (rank, in)
  at::Tensor up;     ///< B (out, rank)
  at::Tensor scale;  ///< (), alpha / rank
};

struct LinearParameters {
  at::Tensor weight;             ///< (out, in)
  at::Tensor bias;               ///< (out), or undefined
  LowRankParameters change = {};  ///< or undefined
};

struct LinearOptions {
  Init init = Init::xavier;  ///< of the weight; the bias starts at zero
  bool bias = true;
};

/// Declares weight (out, in) and bias (out) in a scope.
LinearParameters declare_linear(const Scope& scope, std::int64_t in, std::int64_t out,
                                const LinearOptions& options = {});

/// x W^T + bias, and + scale (x A^T) B^T where there is a low-rank change: x (..., in) -> (..., out).
at::Tensor linear(const LinearParameters& parameters, const at::Tensor& x);

struct NormParameters {
  at::Tensor weight;  ///< (dim), or undefined
  at::Tensor bias;    ///< (dim), or undefined
};

/// Declares weight (dim) of ones and bias (dim) of zeros.
NormParameters declare_layer_norm(const Scope& scope, std::int64_t dim);
/// Declares weight (dim) of ones.
NormParameters declare_rms_norm(const Scope& scope, std::int64_t dim);

/// (x - mean) / sqrt(variance + eps) over the last axis, times weight plus bias where defined.
at::Tensor layer_norm(const at::Tensor& x, double eps, const NormParameters& parameters = {});

/// 1 / sqrt(mean(x^2) + eps) over the last axis: (..., 1) float32.
at::Tensor inverse_rms(const at::Tensor& x, double eps);

/// x / sqrt(mean(x^2) + eps) over the last axis, times weight where defined.
at::Tensor rms_norm(const at::Tensor& x, double eps, const NormParameters& parameters = {});

/// x (1 + scale) + shift; shift and scale broadcast.
at::Tensor modulate(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& scale);

/// layer_norm(x) (1 + scale) + shift, in one pass over x where few rows of shift and scale differ.
/// @param x      (B, N, dim).
/// @param shift  (B or 1, G, dim), G a divisor of N: each row belongs to N / G tokens one after the other. Float32, or
///               x's dtype.
/// @param scale  as shift, with the same G or G = 1.
/// @throws ShapeError on other shapes.
at::Tensor modulated_norm(const at::Tensor& x, double eps, const at::Tensor& shift, const at::Tensor& scale);

/// GELU in its tanh form.
at::Tensor gelu_tanh(const at::Tensor& x);
/// The same of a tensor that nobody else holds: in place where gradients are off.
at::Tensor gelu_tanh(at::Tensor&& x);

/// x (..., heads * d) -> (..., heads, d), a view.
at::Tensor split_heads(const at::Tensor& x, std::int64_t heads);

struct AttentionOptions {
  at::Tensor bias = {};              ///< added to the scores, broadcastable to (B, heads, N, M); undefined: none
  std::optional<double> scale = {};  ///< of the scores; 1 / sqrt(d) unless given
};

/// softmax(q k^T scale + bias) v, without the score matrix in memory where the device can. In bfloat16 on a CPU,
/// without bias and gradients, the scores are rounded to bfloat16 before the softmax, which is what makes that faster
/// than float32.
/// @param q  (B, N, heads, d).   @param k  (B, M, heads, d).   @param v  (B, M, heads, d).
/// @return (B, N, heads * d).
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const AttentionOptions& options = {});

/// Sinusoidal embedding of time steps, float32: [cos(t w_i), sin(t w_i)], w_i = 10000^(-i / (dim / 2)), i < dim / 2.
/// @param timestep  any shape, any dtype.   @param dim  even.
/// @return (..., dim).
at::Tensor timestep_embedding(const at::Tensor& timestep, std::int64_t dim);

}  // namespace action_images::nn
