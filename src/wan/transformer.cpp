// SPDX-License-Identifier: Apache-2.0
#include <action_images/wan/transformer.hpp>

#include <utility>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>

#include "block.hpp"
#include "parameters.hpp"

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

void check_conditions(const WanConfig& config, const WanConditions& conditions) {
  const auto blocks = static_cast<std::size_t>(config.num_layers);
  check_shape(conditions.text.size() == blocks, where, "conditions.text", shape_text({config.num_layers}),
              {static_cast<std::int64_t>(conditions.text.size())});
  check_shape(conditions.camera.size() == (config.camera_channels > 0 ? blocks : 0), where, "conditions.camera",
              shape_text({config.camera_channels > 0 ? config.num_layers : 0}),
              {static_cast<std::int64_t>(conditions.camera.size())});
  check_shape(conditions.image.size() == (config.has_image_input ? blocks : 0), where, "conditions.image",
              shape_text({config.has_image_input ? config.num_layers : 0}),
              {static_cast<std::int64_t>(conditions.image.size())});
}

void check_inputs(const WanConfig& config, const at::Tensor& latents, const at::Tensor& timestep,
                  const WanConditions& conditions) {
  check_conditions(config, conditions);
  const std::int64_t batch = conditions.text.front().keys.size(0);
  const std::int64_t tokens = conditions.rotary.size(0);
  const auto& [frames, height, width] = conditions.grid;
  const std::int64_t channels = config.in_dim - (conditions.y.defined() ? conditions.y.size(1) : 0);
  check_shape(latents.sizes() == at::IntArrayRef({batch, channels, frames, height, width}), where, "latents",
              shape_text({batch, channels, frames, height, width}), latents.sizes());
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
  image_embedding_ = declare_image_embedding(root / "img_emb", config_);
  parameters_.finish();
}

at::Tensor WanTransformer::forward(const at::Tensor& latents, const at::Tensor& timestep,
                                   const WanConditions& conditions, const WanForwardOptions& options) const {
  check_inputs(config_, latents, timestep, conditions);
  const at::TensorOptions type = patch_embedding_.weight.options();
  at::Tensor x = latents.to(type);
  if (conditions.y.defined()) x = at::cat({x, conditions.y}, 1);
  x = at::linear(patchify(x, config_.patch_size), patch_embedding_.weight.flatten(1), patch_embedding_.bias);
  if (conditions.stem.defined()) x = add_by_view(x, conditions.stem);

  const TimeModulation time = embed_time(timestep.to(type.device()), conditions.pooled_text);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    WanBlockInputs inputs{.x = std::move(x), .text = conditions.text[i], .time = time, .rotary = conditions.rotary};
    if (!conditions.image.empty()) inputs.image = conditions.image[i];
    if (!conditions.camera.empty()) inputs.camera = conditions.camera[i];
    x = options.checkpoint ? checkpoint_wan_block(blocks_[i], std::move(inputs), config_, options.offload)
                           : run_wan_block(blocks_[i], std::move(inputs), config_);
  }
  const auto modulation = time.parts(head_modulation_, time.embedding);
  x = nn::modulated_norm(x, config_.eps, modulation[0], modulation[1]);
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
