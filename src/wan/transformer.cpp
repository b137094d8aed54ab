// SPDX-License-Identifier: Apache-2.0
#include <action_images/wan/transformer.hpp>

#include <utility>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>
#include <action_images/nn/rotary.hpp>

#include "parameters.hpp"
#include "time_modulation.hpp"

namespace action_images {

namespace {

constexpr const char* where = "wan::WanTransformer::forward";

// (B, C, T, H, W) -> (B, N, C p_t p_h p_w): one row of numbers for each token.
at::Tensor patchify(const at::Tensor& latents, const std::array<std::int64_t, 3>& patch) {
  const auto size = latents.sizes();
  return latents
      .reshape(
          {size[0], size[1], size[2] / patch[0], patch[0], size[3] / patch[1], patch[1], size[4] / patch[2], patch[2]})
      .permute({0, 2, 4, 6, 1, 3, 5, 7})
      .flatten(4)
      .flatten(1, 3);
}

// (B, N, p_t p_h p_w C) -> (B, C, T, H, W).
at::Tensor unpatchify(const at::Tensor& x, const std::array<std::int64_t, 3>& patch,
                      const std::array<std::int64_t, 3>& grid) {
  return x
      .reshape({x.size(0), grid[0] / patch[0], grid[1] / patch[1], grid[2] / patch[2], patch[0], patch[1], patch[2],
                x.size(2) / (patch[0] * patch[1] * patch[2])})
      .permute({0, 7, 1, 4, 2, 5, 3, 6})
      .flatten(6, 7)
      .flatten(4, 5)
      .flatten(2, 3);
}

// x (B, N, dim) plus features (B, V, n, dim): view v's on the v-th of V equal runs of frames of n tokens.
at::Tensor add_by_view(const at::Tensor& x, const at::Tensor& features) {
  const std::int64_t views = features.size(1), tokens = features.size(2);
  return (x.view({x.size(0), views, -1, tokens, x.size(2)}) + features.unsqueeze(2)).view(x.sizes());
}

// norm1, modulation and the cameras' embeddings (B, T, dim).
at::Tensor modulate_by_frame(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& scale,
                             const at::Tensor& camera) {
  const auto by_frame = [&](const at::Tensor& values) {  // (B or 1, N or 1, dim) -> four axes
    return values.size(1) == 1 ? values.unsqueeze(2) : values.unflatten(1, {camera.size(1), -1});
  };
  return nn::modulate(by_frame(x), by_frame(shift) + camera.unsqueeze(2), by_frame(scale)).view(x.sizes());
}

// What a block needs besides its tokens.
struct BlockContext {
  const WanConfig& config;
  const TimeModulation& time;
  const at::Tensor& rotary;
};

at::Tensor self_attention(const WanBlock::Attention& attention, const at::Tensor& h, const BlockContext& context) {
  const auto turned = [&](const nn::LinearParameters& layer, const nn::NormParameters& norm) {
    const at::Tensor x = nn::rms_norm(nn::linear(layer, h), context.config.eps, norm);
    return nn::rotate(nn::split_heads(x, context.config.num_heads), context.rotary);
  };
  const at::Tensor q = turned(attention.q, attention.norm_q);
  const at::Tensor k = turned(attention.k, attention.norm_k);
  const at::Tensor v = nn::split_heads(nn::linear(attention.v, h), context.config.num_heads);
  return nn::linear(attention.o, nn::attention(q, k, v));
}

at::Tensor cross_attention(const WanBlock& block, const at::Tensor& x, const WanConditions::KeysValues& text,
                           const BlockContext& context) {
  const auto& attention = block.cross_attn;
  const double eps = context.config.eps;
  const at::Tensor h = nn::layer_norm(x, eps, block.norm3);
  const at::Tensor q = nn::rms_norm(nn::linear(attention.q, h), eps, attention.norm_q);
  return nn::linear(attention.o, nn::attention(nn::split_heads(q, context.config.num_heads), text.keys, text.values));
}

at::Tensor run_block(const WanBlock& block, at::Tensor x, const WanConditions::KeysValues& text,
                     const at::Tensor& camera, const BlockContext& context) {
  const auto modulation = context.time.parts(block.modulation, context.time.projection);
  const at::Tensor normed = nn::layer_norm(x, context.config.eps);
  const at::Tensor h = camera.defined() ? modulate_by_frame(normed, modulation[0], modulation[1], camera)
                                        : nn::modulate(normed, modulation[0], modulation[1]);
  at::Tensor attended = self_attention(block.self_attn, h, context);
  if (block.projector.weight.defined()) attended = nn::linear(block.projector, attended);
  x = at::addcmul(x, attended, modulation[2]);

  x = x + cross_attention(block, x, text, context);

  const at::Tensor g = nn::modulate(nn::layer_norm(x, context.config.eps), modulation[3], modulation[4]);
  const at::Tensor fed = nn::linear(block.ffn_out, nn::gelu_tanh(nn::linear(block.ffn_in, g)));
  return at::addcmul(x, fed, modulation[5]);
}

void check_conditions(const WanConfig& config, const WanConditions& conditions) {
  const auto blocks = static_cast<std::size_t>(config.num_layers);
  check_shape(conditions.text.size() == blocks, where, "conditions.text", shape_text({config.num_layers}),
              {static_cast<std::int64_t>(conditions.text.size())});
  check_shape(conditions.camera.size() == (config.camera_channels > 0 ? blocks : 0), where, "conditions.camera",
              shape_text({config.camera_channels > 0 ? config.num_layers : 0}),
              {static_cast<std::int64_t>(conditions.camera.size())});
}

void check_inputs(const WanConfig& config, const at::Tensor& latents, const at::Tensor& timestep,
                  const WanConditions& conditions) {
  check_conditions(config, conditions);
  const std::int64_t batch = conditions.text.front().keys.size(0);
  const std::int64_t tokens = conditions.rotary.size(0);
  const auto& [frames, height, width] = conditions.grid;
  check_shape(latents.sizes() == at::IntArrayRef({batch, config.in_dim, frames, height, width}), where, "latents",
              shape_text({batch, config.in_dim, frames, height, width}), latents.sizes());
  const bool fits =
      timestep.sizes() == at::IntArrayRef({batch}) || timestep.sizes() == at::IntArrayRef({batch, tokens});
  check_shape(fits, where, "timestep", text_of(shape_text({batch}), " or ", shape_text({batch, tokens})),
              timestep.sizes());
}

}  // namespace

WanTransformer::WanTransformer(WanConfig config, Parameters parameters)
    : config_(std::move(config)), parameters_(std::move(parameters)) {
  check_wan_config(config_);
  const Scope root(parameters_);
  const std::int64_t dim = config_.dim;
  const auto& patch = config_.patch_size;
  const Scope embedding = root / "patch_embedding";
  patch_embedding_ = {embedding.parameter("weight", {dim, config_.in_dim, patch[0], patch[1], patch[2]}, Init::xavier),
                      embedding.parameter("bias", {dim}, Init::zeros)};
  const nn::LinearOptions embed{.init = Init::normal_002};
  text_embedding_0_ = nn::declare_linear(root / "text_embedding" / 0, config_.text_dim, dim, embed);
  text_embedding_2_ = nn::declare_linear(root / "text_embedding" / 2, dim, dim, embed);
  time_embedding_0_ = nn::declare_linear(root / "time_embedding" / 0, config_.freq_dim, dim, embed);
  time_embedding_2_ = nn::declare_linear(root / "time_embedding" / 2, dim, dim, embed);
  time_projection_ = nn::declare_linear(root / "time_projection" / 1, dim, 6 * dim);
  for (std::int64_t i = 0; i < config_.num_layers; ++i) {
    blocks_.push_back(declare_wan_block(root / "blocks" / i, config_));
  }
  const std::int64_t patch_values = config_.out_dim * patch[0] * patch[1] * patch[2];
  head_ = nn::declare_linear(root / "head" / "head", dim, patch_values, {.init = Init::zeros});
  head_modulation_ = (root / "head").parameter("modulation", {1, 2, dim}, Init::normal_width);
  image_stem_ = declare_image_stem(root / "image_stem", config_);
  parameters_.finish();
}

at::Tensor WanTransformer::forward(const at::Tensor& latents, const at::Tensor& timestep,
                                   const WanConditions& conditions) const {
  check_inputs(config_, latents, timestep, conditions);
  const at::TensorOptions options = patch_embedding_.weight.options();
  const TimeModulation time = embed_time(timestep.to(options.device()), conditions.pooled_text);
  const BlockContext context{config_, time, conditions.rotary};

  at::Tensor x = at::linear(patchify(latents.to(options), config_.patch_size), patch_embedding_.weight.flatten(1),
                            patch_embedding_.bias);
  if (conditions.stem.defined()) x = add_by_view(x, conditions.stem);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const at::Tensor camera = conditions.camera.empty() ? at::Tensor() : conditions.camera[i];
    x = run_block(blocks_[i], x, conditions.text[i], camera, context);
  }
  const auto modulation = time.parts(head_modulation_, time.embedding);
  x = nn::modulate(nn::layer_norm(x, config_.eps), modulation[0], modulation[1]);
  return unpatchify(nn::linear(head_, x), config_.patch_size, conditions.grid);
}

TimeModulation WanTransformer::embed_time(const at::Tensor& timestep, const at::Tensor& pooled_text) const {
  const bool per_sample = pooled_text.defined();
  const auto distinct = distinct_timesteps(timestep, timestep.size(0), per_sample);
  const at::Tensor sinusoid =
      nn::timestep_embedding(distinct.values, config_.freq_dim).to(time_embedding_0_.weight.scalar_type());
  at::Tensor embedding = nn::linear(time_embedding_2_, at::silu(nn::linear(time_embedding_0_, sinusoid)));
  if (per_sample) embedding = embedding + pooled_text.unsqueeze(1);
  const at::Tensor projection = nn::linear(time_projection_, at::silu(embedding));
  return {embedding, projection.unflatten(-1, {6, config_.dim}), distinct.index};
}

}  // namespace action_images
