// SPDX-License-Identifier: Apache-2.0
#include <action_images/text/umt5.hpp>

#include <limits>
#include <utility>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>

#include "position_buckets.hpp"

namespace action_images {
namespace {

constexpr double eps = 1e-6;
constexpr auto where = "text::UMT5Encoder::encode";

UMT5Block declare_block(const Scope& scope, const UMT5Config& config) {
  constexpr nn::LinearOptions wide{.init = Init::normal_width, .bias = false};
  constexpr nn::LinearOptions narrow{.init = Init::normal_002, .bias = false};  // T5's scores are not scaled
  const Scope attn = scope / "attn", ffn = scope / "ffn";
  UMT5Block block;
  block.norm1 = nn::declare_rms_norm(scope / "norm1", config.dim);
  block.q = nn::declare_linear(attn / "q", config.dim, config.dim_attn, narrow);
  block.k = nn::declare_linear(attn / "k", config.dim, config.dim_attn, wide);
  block.v = nn::declare_linear(attn / "v", config.dim, config.dim_attn, wide);
  block.o = nn::declare_linear(attn / "o", config.dim_attn, config.dim, narrow);
  block.norm2 = nn::declare_rms_norm(scope / "norm2", config.dim);
  block.gate = nn::declare_linear(ffn / "gate" / 0, config.dim, config.dim_ffn, wide);
  block.fc1 = nn::declare_linear(ffn / "fc1", config.dim, config.dim_ffn, wide);
  block.fc2 = nn::declare_linear(ffn / "fc2", config.dim_ffn, config.dim, narrow);
  if (!config.shared_pos) {
    const Scope table = scope / "pos_embedding" / "embedding";
    block.pos_embedding = table.parameter("weight", {config.num_buckets, config.num_heads}, Init::normal_002);
  }
  return block;
}

// RMS norm of the residual stream, which is at least float32, in the parameters' dtype.
at::Tensor norm(const at::Tensor& x, const nn::NormParameters& parameters) {
  return (nn::rms_norm(x, eps) * parameters.weight).to(parameters.weight.scalar_type());
}

// Biases of the scores, (B, heads, L, L): those of the relative positions, and the lowest number where a key is masked.
at::Tensor score_bias(const at::Tensor& pos_embedding, const at::Tensor& buckets, const at::Tensor& masked) {
  const at::Tensor bias = at::embedding(pos_embedding, buckets).permute({2, 0, 1}).unsqueeze(0);
  if (!masked.defined()) return bias;
  const double lowest = bias.scalar_type() == at::kHalf ? -65504.0 : -3.0e38;  // finite: a row may be masked altogether
  return bias.masked_fill(masked.view({masked.size(0), 1, 1, masked.size(1)}), lowest);
}

at::Tensor attend(const UMT5Block& block, const at::Tensor& x, const at::Tensor& bias, std::int64_t heads) {
  const at::Tensor q = nn::split_heads(nn::linear(block.q, x), heads);
  const at::Tensor k = nn::split_heads(nn::linear(block.k, x), heads);
  const at::Tensor v = nn::split_heads(nn::linear(block.v, x), heads);
  return nn::linear(block.o, nn::attention(q, k, v, {.bias = bias, .scale = 1.0}));
}

at::Tensor feed_forward(const UMT5Block& block, const at::Tensor& x) {
  return nn::linear(block.fc2, nn::linear(block.fc1, x) * nn::gelu_tanh(nn::linear(block.gate, x)));
}

void check_inputs(const at::Tensor& ids, const at::Tensor& mask, std::int64_t vocab) {
  check_shape(ids.dim() == 2, where, "ids", "(B, L)", ids.sizes());
  check(ids.scalar_type() == at::kLong, where, "ids", "int64", ids.scalar_type());
  check_shape(!mask.defined() || mask.sizes() == ids.sizes(), where, "mask", shape_text(ids.sizes()),
              mask.defined() ? mask.sizes() : ids.sizes());
  if (ids.numel() == 0) return;
  const auto lowest = ids.min().item<std::int64_t>(), highest = ids.max().item<std::int64_t>();
  check(lowest >= 0 && highest < vocab, where, "ids", text_of("0 to ", vocab - 1), lowest < 0 ? lowest : highest);
}

// One more than the last column with a token in any row; at least 1.
std::int64_t used_columns(const at::Tensor& real) {
  const at::Tensor columns = real.any(0).nonzero();
  return columns.size(0) == 0 ? 1 : columns.max().item<std::int64_t>() + 1;
}

}  // namespace

UMT5Encoder::UMT5Encoder(const UMT5Config& config, Parameters parameters)
    : config_(config), parameters_(std::move(parameters)) {
  check_umt5_config(config_);
  const Scope root(parameters_);
  token_embedding_ = (root / "token_embedding").parameter("weight", {config.vocab, config.dim}, Init::normal_width);
  if (config.shared_pos) {
    const Scope table = root / "pos_embedding" / "embedding";
    pos_embedding_ = table.parameter("weight", {config.num_buckets, config.num_heads}, Init::normal_002);
  }
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
    blocks_.push_back(declare_block(root / "blocks" / layer, config));
  }
  norm_ = nn::declare_rms_norm(root / "norm", config.dim);
  parameters_.finish();
}

at::Tensor UMT5Encoder::encode(const at::Tensor& ids, const at::Tensor& mask) const {
  check_inputs(ids, mask, config_.vocab);
  if (ids.numel() == 0) return at::zeros({ids.size(0), ids.size(1), config_.dim}, token_embedding_.options());
  if (!mask.defined()) return run(ids, {});
  const at::Tensor real = mask.to(ids.device()) != 0;
  const std::int64_t used = used_columns(real);
  const at::Tensor states = run(ids.narrow(1, 0, used), real.narrow(1, 0, used).logical_not());
  const at::Tensor kept = states.masked_fill(real.narrow(1, 0, used).logical_not().unsqueeze(-1), 0.0);
  return at::constant_pad_nd(kept, {0, 0, 0, ids.size(1) - used});
}

at::Tensor UMT5Encoder::run(const at::Tensor& ids, const at::Tensor& masked) const {
  const at::Tensor buckets = position_buckets(ids.size(1), config_.num_buckets).to(ids.device());
  const at::Tensor shared = config_.shared_pos ? score_bias(pos_embedding_, buckets, masked) : at::Tensor();
  const auto residual = at::promoteTypes(token_embedding_.scalar_type(), at::kFloat);
  at::Tensor x = at::embedding(token_embedding_, ids).to(residual);
  for (const UMT5Block& block : blocks_) {
    const at::Tensor bias = config_.shared_pos ? shared : score_bias(block.pos_embedding, buckets, masked);
    x = x + attend(block, norm(x, block.norm1), bias, config_.num_heads);
    x = x + feed_forward(block, norm(x, block.norm2));
  }
  return norm(x, norm_);
}

}  // namespace action_images
