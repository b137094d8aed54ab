// SPDX-License-Identifier: Apache-2.0
#include "ends.hpp"

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>

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

void check_input(const WanConfig& config, const WanInput& input, const WanContext& context) {
  const auto& [latents, timestep, grid, batch] = input;
  const std::int64_t tokens = context.rotary.size(0);
  const auto& [frames, height, width] = grid;
  const std::int64_t channels = config.in_dim - (context.y.defined() ? context.y.size(1) : 0);
  check_shape(latents.sizes() == at::IntArrayRef({batch, channels, frames, height, width}), where, "latents",
              shape_text({batch, channels, frames, height, width}), latents.sizes());
  const bool fits =
      timestep.sizes() == at::IntArrayRef({batch}) || timestep.sizes() == at::IntArrayRef({batch, tokens});
  check_shape(fits, where, "timestep", text_of(shape_text({batch}), " or ", shape_text({batch, tokens})),
              timestep.sizes());
}

TimeModulation embed_time(const WanOuterLayers& layers, const WanConfig& config, const at::Tensor& timestep,
                          const at::Tensor& pooled_text) {
  const bool per_sample = pooled_text.defined();
  const auto distinct = distinct_timesteps(timestep, timestep.size(0), per_sample);
  const at::Tensor sinusoid =
      nn::timestep_embedding(distinct.values, config.freq_dim).to(layers.time_embedding_0.weight.scalar_type());
  at::Tensor embedding = nn::linear(layers.time_embedding_2, at::silu(nn::linear(layers.time_embedding_0, sinusoid)));
  if (per_sample) embedding = embedding + pooled_text.unsqueeze(1);
  const at::Tensor projection = nn::linear(layers.time_projection, at::silu(embedding));
  return {embedding, projection.unflatten(-1, {6, config.dim}), distinct.index};
}

}  // namespace

WanTokens embed_wan_latents(const WanOuterLayers& layers, const WanConfig& config, const WanInput& input,
                            const WanContext& context) {
  check_input(config, input, context);
  const at::Tensor &weight = layers.patch_embedding.weight, &bias = layers.patch_embedding.bias;
  at::Tensor x = input.latents.to(weight.options());
  if (context.y.defined()) x = at::cat({x, context.y}, 1);
  x = at::linear(patchify(x, config.patch_size), weight.flatten(1), bias);
  if (context.stem.defined()) x = add_by_view(x, context.stem);
  return {x, embed_time(layers, config, input.timestep.to(weight.device()), context.pooled_text)};
}

at::Tensor run_wan_head(const WanOuterLayers& layers, const WanConfig& config, const WanTokens& tokens,
                        const std::array<std::int64_t, 3>& grid) {
  const auto modulation = tokens.time.parts(layers.head_modulation, tokens.time.embedding);
  const at::Tensor x = nn::modulated_norm(tokens.x, config.eps, modulation[0], modulation[1]);
  return unpatchify(nn::linear(layers.head, x), config.patch_size, grid);
}

}  // namespace action_images
