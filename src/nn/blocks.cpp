// SPDX-License-Identifier: Apache-2.0
#include <action_images/nn/blocks.hpp>

#include <cmath>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <action_images/core/check.hpp>

#include "blockwise_attention.hpp"

namespace action_images::nn {

LinearParameters declare_linear(const Scope& scope, std::int64_t in, std::int64_t out, const LinearOptions& options) {
  LinearParameters parameters;
  parameters.weight = scope.parameter("weight", {out, in}, options.init);
  if (options.bias) parameters.bias = scope.parameter("bias", {out}, Init::zeros);
  return parameters;
}

at::Tensor linear(const LinearParameters& parameters, const at::Tensor& x) {
  check_shape(x.dim() > 0 && x.size(-1) == parameters.weight.size(-1), "nn::linear", "x",
              text_of("(..., ", parameters.weight.size(-1), ')'), x.sizes());
  const at::Tensor result = at::linear(x, parameters.weight, parameters.bias);
  const LowRankParameters& change = parameters.change;
  if (!change.down.defined()) return result;
  return result + at::linear(at::linear(x, change.down) * change.scale, change.up);
}

NormParameters declare_layer_norm(const Scope& scope, std::int64_t dim) {
  return {scope.parameter("weight", {dim}, Init::ones), scope.parameter("bias", {dim}, Init::zeros)};
}

NormParameters declare_rms_norm(const Scope& scope, std::int64_t dim) {
  return {scope.parameter("weight", {dim}, Init::ones), {}};
}

at::Tensor layer_norm(const at::Tensor& x, double eps, const NormParameters& parameters) {
  return at::layer_norm(x, {x.size(-1)}, parameters.weight, parameters.bias, eps);
}

at::Tensor inverse_rms(const at::Tensor& x, double eps) {
  const at::Tensor length = at::linalg_vector_norm(x, 2, {-1}, /*keepdim=*/true, at::kFloat);
  return (length.square() / x.size(-1) + eps).rsqrt();
}

at::Tensor rms_norm(const at::Tensor& x, double eps, const NormParameters& parameters) {
  const at::Tensor normed = x.to(at::kFloat) * inverse_rms(x, eps);
  return (parameters.weight.defined() ? normed * parameters.weight : normed).to(x.scalar_type());
}

at::Tensor modulate(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& scale) {
  return at::addcmul(shift, x, scale + 1);
}

at::Tensor modulated_norm(const at::Tensor& x, double eps, const at::Tensor& shift, const at::Tensor& scale) {
  constexpr std::int64_t most_calls = 128;
  const std::int64_t batch = x.size(0), groups = shift.size(1), dim = x.size(2);
  const auto fits = [&](const at::Tensor& values) {
    return values.dim() == 3 && (values.size(0) == batch || values.size(0) == 1) && values.size(2) == dim;
  };
  check_shape(fits(shift) && x.size(1) % groups == 0, "nn::modulated_norm", "shift",
              text_of("(", batch, " or 1, a divisor of ", x.size(1), ", ", dim, ")"), shift.sizes());
  check_shape(fits(scale) && (scale.size(1) == groups || scale.size(1) == 1), "nn::modulated_norm", "scale",
              text_of("(", batch, " or 1, ", groups, " or 1, ", dim, ")"), scale.sizes());
  const auto dtype = x.is_cpu() ? shift.scalar_type() : x.scalar_type();  // only the CPU's norm takes two dtypes
  const at::Tensor weight = (scale + 1).to(dtype), bias = shift.to(dtype);
  const bool shared = weight.numel() == dim && bias.numel() == dim;
  if (shared) return at::layer_norm(x, {dim}, weight.flatten(), bias.flatten(), eps);
  if (batch * groups <= most_calls) {
    const auto rows = [&](const at::Tensor& values) { return values.expand({batch, groups, dim}).reshape({-1, dim}); };
    const at::Tensor runs = x.reshape({batch * groups, -1, dim}), weights = rows(weight), biases = rows(bias);
    std::vector<at::Tensor> parts;
    for (std::int64_t i = 0; i < runs.size(0); ++i) {
      parts.push_back(at::layer_norm(runs[i], {dim}, weights[i], biases[i], eps));
    }
    return at::stack(parts).view(x.sizes());
  }
  const at::Tensor normed = at::layer_norm(x, {dim}, {}, {}, eps).unflatten(1, {groups, -1});
  return at::addcmul(bias.to(x.scalar_type()).unsqueeze(2), normed, weight.to(x.scalar_type()).unsqueeze(2))
      .view(x.sizes());
}

at::Tensor gelu_tanh(const at::Tensor& x) { return at::gelu(x, "tanh"); }

at::Tensor gelu_tanh(at::Tensor&& x) { return at::GradMode::is_enabled() ? at::gelu(x, "tanh") : at::gelu_(x, "tanh"); }

at::Tensor split_heads(const at::Tensor& x, std::int64_t heads) {
  check_shape(x.size(-1) % heads == 0, "nn::split_heads", "x", text_of("(..., a multiple of ", heads, ')'), x.sizes());
  return x.unflatten(-1, {heads, x.size(-1) / heads});
}

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionOptions& options) {
  check_shape(q.dim() == 4, "nn::attention", "q", "(B, N, heads, d)", q.sizes());
  check_shape(k.dim() == 4 && k.size(0) == q.size(0) && k.size(2) == q.size(2) && k.size(3) == q.size(3),
              "nn::attention", "k", text_of("(", q.size(0), ", M, ", q.size(2), ", ", q.size(3), ")"), k.sizes());
  check_shape(v.sizes() == k.sizes(), "nn::attention", "v", shape_text(k.sizes()), v.sizes());
  if (!options.bias.defined() && blockwise_attention_pays(q, k)) {
    return blockwise_attention(q, k, v, options.scale.value_or(1.0 / std::sqrt(static_cast<double>(q.size(3)))));
  }
  const auto bias = options.bias.defined() ? std::optional<at::Tensor>(options.bias) : std::nullopt;
  const at::Tensor out = at::scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), bias,
                                                          /*dropout_p=*/0.0, /*is_causal=*/false, options.scale);
  return out.transpose(1, 2).flatten(2);
}

at::Tensor timestep_embedding(const at::Tensor& timestep, std::int64_t dim) {
  check(dim > 0 && dim % 2 == 0, "nn::timestep_embedding", "dim", "a positive even number", dim);
  const auto half = at::arange(dim / 2, timestep.options().dtype(at::kFloat));
  const at::Tensor frequency = (half * (-std::log(10000.0) * 2.0 / static_cast<double>(dim))).exp();
  const at::Tensor angle = timestep.to(at::kFloat).unsqueeze(-1) * frequency;
  return at::cat({angle.cos(), angle.sin()}, -1);
}

}  // namespace action_images::nn
