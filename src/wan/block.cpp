// SPDX-License-Identifier: Apache-2.0
#include "block.hpp"

#include <utility>

#include <ATen/ATen.h>

#include <action_images/nn/checkpoint.hpp>
#include <action_images/nn/rotary.hpp>

namespace action_images {

namespace {

using KeysValues = WanConditions::KeysValues;

KeysValues keys_values(const WanConfig& config, const at::Tensor& context, const nn::LinearParameters& k,
                       const nn::NormParameters& norm_k, const nn::LinearParameters& v) {
  const at::Tensor keys = nn::rms_norm(nn::linear(k, context), config.eps, norm_k);
  return {nn::split_heads(keys, config.num_heads), nn::split_heads(nn::linear(v, context), config.num_heads)};
}

// norm1, modulation and the cameras' embeddings (B, T, dim), undefined without.
at::Tensor modulate_first(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& scale,
                          const at::Tensor& camera, double eps) {
  if (!camera.defined()) return nn::modulated_norm(x, eps, shift, scale);
  if (shift.size(1) == 1) return nn::modulated_norm(x, eps, shift + camera, scale);
  const at::Tensor by_token = camera.repeat_interleave(x.size(1) / camera.size(1), 1);
  return nn::modulated_norm(x, eps, shift + by_token, scale);
}

// Queries or keys: normed, turned. The norm's factor of a token goes with the token's rotation, which saves a pass.
at::Tensor turned(const at::Tensor& x, const nn::NormParameters& norm, const at::Tensor& rotary,
                  const WanConfig& config) {
  const at::Tensor table = rotary * nn::inverse_rms(x, config.eps);
  const at::Tensor weighted = x.to(at::kFloat) * norm.weight;
  return nn::rotate(nn::split_heads(weighted, config.num_heads), table).to(x.scalar_type());
}

at::Tensor self_attention(const WanBlock::Attention& attention, const at::Tensor& h, const at::Tensor& rotary,
                          const WanConfig& config) {
  const at::Tensor q = turned(nn::linear(attention.q, h), attention.norm_q, rotary, config);
  const at::Tensor k = turned(nn::linear(attention.k, h), attention.norm_k, rotary, config);
  const at::Tensor v = nn::split_heads(nn::linear(attention.v, h), config.num_heads);
  return nn::linear(attention.o, nn::attention(q, k, v));
}

at::Tensor cross_attention(const WanBlock& block, const at::Tensor& x, const WanBlockInputs& inputs,
                           const WanConfig& config) {
  const auto& attention = block.cross_attn;
  const at::Tensor h = nn::layer_norm(x, config.eps, block.norm3);
  const at::Tensor q =
      nn::split_heads(nn::rms_norm(nn::linear(attention.q, h), config.eps, attention.norm_q), config.num_heads);
  at::Tensor attended = nn::attention(q, inputs.text.keys, inputs.text.values);
  if (inputs.image.keys.defined()) attended = attended + nn::attention(q, inputs.image.keys, inputs.image.values);
  return nn::linear(attention.o, attended);
}

template <typename Visit>
void for_each_tensor(nn::LinearParameters& linear, Visit&& visit) {
  visit(linear.weight), visit(linear.bias);
  visit(linear.change.down), visit(linear.change.up), visit(linear.change.scale);
}

template <typename Visit>
void for_each_tensor(nn::NormParameters& norm, Visit&& visit) {
  visit(norm.weight), visit(norm.bias);
}

template <typename Visit>
void for_each_tensor(WanBlock::Attention& attention, Visit&& visit) {
  for (auto* linear : {&attention.q, &attention.k, &attention.v, &attention.o, &attention.k_img, &attention.v_img}) {
    for_each_tensor(*linear, visit);
  }
  for (auto* norm : {&attention.norm_q, &attention.norm_k, &attention.norm_k_img}) for_each_tensor(*norm, visit);
}

// Calls visit(tensor) for every tensor that a block computes from, defined or not.
template <typename Visit>
void for_each_tensor(WanBlock& block, WanBlockInputs& inputs, Visit&& visit) {
  for (auto* attention : {&block.self_attn, &block.cross_attn}) for_each_tensor(*attention, visit);
  for (auto* linear : {&block.ffn_in, &block.ffn_out, &block.cam_encoder, &block.projector}) {
    for_each_tensor(*linear, visit);
  }
  for_each_tensor(block.norm3, visit);
  for (auto* tensor :
       {&block.modulation, &inputs.x, &inputs.text.keys, &inputs.text.values, &inputs.image.keys, &inputs.image.values,
        &inputs.camera, &inputs.time.embedding, &inputs.time.projection, &inputs.time.index, &inputs.rotary}) {
    visit(*tensor);
  }
}

}  // namespace

WanBlockConditions wan_block_conditions(const WanBlock& block, const WanConfig& config, const WanContext& context) {
  const auto& attention = block.cross_attn;
  WanBlockConditions conditions;
  conditions.text = keys_values(config, context.text, attention.k, attention.norm_k, attention.v);
  if (context.image.defined()) {
    conditions.image = keys_values(config, context.image, attention.k_img, attention.norm_k_img, attention.v_img);
  }
  if (context.camera.defined()) conditions.camera = nn::linear(block.cam_encoder, context.camera);
  return conditions;
}

at::Tensor run_wan_block(const WanBlock& block, WanBlockInputs inputs, const WanConfig& config) {
  const auto modulation = inputs.time.parts(block.modulation, inputs.time.projection);
  at::Tensor x = std::move(inputs.x);
  at::Tensor h = modulate_first(x, modulation[0], modulation[1], inputs.camera, config.eps);
  h = self_attention(block.self_attn, h, inputs.rotary, config);
  if (block.projector.weight.defined()) h = nn::linear(block.projector, h);
  x = at::addcmul(x, h, modulation[2].to(x.scalar_type()));

  x = x + cross_attention(block, x, inputs, config);

  h = nn::modulated_norm(x, config.eps, modulation[3], modulation[4]);
  h = nn::linear(block.ffn_out, nn::gelu_tanh(nn::linear(block.ffn_in, h)));
  return at::addcmul(x, h, modulation[5].to(x.scalar_type()));
}

at::Tensor checkpoint_wan_block(const WanBlock& block, WanBlockInputs inputs, const WanConfig& config,
                                bool offload) {
  WanBlock parameters = block;
  std::vector<at::Tensor> tensors;
  std::vector<bool> defined;
  for_each_tensor(parameters, inputs, [&](const at::Tensor& tensor) {
    defined.push_back(tensor.defined());
    if (tensor.defined()) tensors.push_back(tensor);
  });
  const auto run = [defined, config](const std::vector<at::Tensor>& values) {
    WanBlock block;
    WanBlockInputs inputs;
    auto is_defined = defined.begin();
    auto next = values.begin();
    for_each_tensor(block, inputs, [&](at::Tensor& tensor) {
      if (*is_defined++) tensor = *next++;
    });
    return run_wan_block(block, std::move(inputs), config);
  };
  return nn::checkpoint(run, tensors, {.offload = offload});
}

}  // namespace action_images
