// SPDX-License-Identifier: Apache-2.0
#include "blocks.hpp"

#include <cmath>

#include <ATen/ATen.h>

namespace action_images::vggt {

namespace {

constexpr double rotary_base = 100.0;

at::Tensor widened(const at::Tensor& parameter) {
  return parameter.defined() ? parameter.to(at::kFloat) : parameter;
}

// Elements j and j + d / 2 of each half of a head, exchanged and the first negated.
at::Tensor quarter_turn(const at::Tensor& x) {
  const auto quarters = x.chunk(4, -1);
  return at::cat({-quarters[1], quarters[0], -quarters[3], quarters[2]}, -1);
}

// x (B, N, heads, head_dim).
at::Tensor turn(const at::Tensor& x, const Rotation& rotation) {
  const at::Tensor cos = rotation.cos.unsqueeze(1), sin = rotation.sin.unsqueeze(1);
  return (x * cos + quarter_turn(x) * sin).to(x.scalar_type());
}

at::Tensor attend(const Block& block, const BlockOptions& options, const at::Tensor& x,
                  const std::optional<Rotation>& rotation) {
  const auto qkv = nn::linear(block.qkv, x.to(block.qkv.weight.scalar_type())).chunk(3, -1);
  at::Tensor q = nn::split_heads(qkv[0], options.heads), k = nn::split_heads(qkv[1], options.heads);
  const at::Tensor v = nn::split_heads(qkv[2], options.heads);
  if (options.qk_norm) {
    q = nn::layer_norm(q, options.eps, block.q_norm);
    k = nn::layer_norm(k, options.eps, block.k_norm);
  }
  if (rotation) {
    q = turn(q, *rotation);
    k = turn(k, *rotation);
  }
  return nn::linear(block.proj, nn::attention(q, k, v)).to(at::kFloat);
}

}  // namespace

Block declare_block(const Scope& scope, const BlockOptions& options) {
  const std::int64_t dim = options.dim, head_dim = options.dim / options.heads;
  Block block;
  block.norm1 = nn::declare_layer_norm(scope / "norm1", dim);
  block.qkv = nn::declare_linear(scope / "attn" / "qkv", dim, 3 * dim);
  if (options.qk_norm) {
    block.q_norm = nn::declare_layer_norm(scope / "attn" / "q_norm", head_dim);
    block.k_norm = nn::declare_layer_norm(scope / "attn" / "k_norm", head_dim);
  }
  block.proj = nn::declare_linear(scope / "attn" / "proj", dim, dim);
  block.scale1 = (scope / "ls1").parameter("gamma", {dim}, Init::ones);
  block.norm2 = nn::declare_layer_norm(scope / "norm2", dim);
  block.fc1 = nn::declare_linear(scope / "mlp" / "fc1", dim, 4 * dim);
  block.fc2 = nn::declare_linear(scope / "mlp" / "fc2", 4 * dim, dim);
  block.scale2 = (scope / "ls2").parameter("gamma", {dim}, Init::ones);
  return block;
}

Rotation rotation_2d(const at::Tensor& positions, std::int64_t head_dim) {
  const std::int64_t half = head_dim / 2;
  const at::Tensor steps = at::arange(0, half, 2, positions.options().dtype(at::kFloat)) / static_cast<double>(half);
  const at::Tensor frequencies = at::pow(rotary_base, steps).reciprocal();  // (half / 2)
  const at::Tensor angles = positions.to(at::kFloat).unsqueeze(-1) * frequencies;  // (N, 2, half / 2)
  const at::Tensor all = at::cat({angles, angles}, -1).flatten(1);
  return {all.cos(), all.sin()};
}

at::Tensor norm(const at::Tensor& x, double eps, const nn::NormParameters& parameters) {
  return nn::layer_norm(x, eps, {widened(parameters.weight), widened(parameters.bias)});
}

at::Tensor project(const nn::LinearParameters& layer, const at::Tensor& x) {
  return nn::linear(layer, x.to(layer.weight.scalar_type())).to(at::kFloat);
}

at::Tensor run_block(const Block& block, const BlockOptions& options, const at::Tensor& x,
                     const std::optional<Rotation>& rotation) {
  const at::Tensor attended = attend(block, options, norm(x, options.eps, block.norm1), rotation);
  const at::Tensor y = at::addcmul(x, attended, widened(block.scale1));
  const auto dtype = block.fc1.weight.scalar_type();
  const at::Tensor hidden = at::gelu(nn::linear(block.fc1, norm(y, options.eps, block.norm2).to(dtype)));
  return at::addcmul(y, nn::linear(block.fc2, hidden).to(at::kFloat), widened(block.scale2));
}

}  // namespace action_images::vggt
