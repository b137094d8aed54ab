// SPDX-License-Identifier: Apache-2.0
#include "context.hpp"

#include <numeric>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>
#include <action_images/nn/rotary.hpp>

namespace action_images {

namespace {

constexpr const char* where = "wan::WanTransformer::prepare";

using Grid = std::array<std::int64_t, 3>;

// Frames, rows and columns of tokens.
Grid token_grid(const WanConfig& config, const Grid& grid) {
  Grid tokens{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const bool fits = grid[axis] > 0 && grid[axis] % config.patch_size[axis] == 0;
    check_shape(fits, where, "grid", text_of("multiples of ", shape_text(config.patch_size)), grid);
    tokens[axis] = grid[axis] / config.patch_size[axis];
  }
  return tokens;
}

// Mean of the embedded text over the rows that are not padding.
at::Tensor pool_text(const at::Tensor& text, const at::Tensor& embedded) {
  const at::Tensor real = text.ne(0).any(-1, /*keepdim=*/true).to(embedded.scalar_type());  // (B, L, 1)
  return (embedded * real).sum(1) / real.sum(1).clamp_min(1);
}

// CLIP tokens (B, M, 1280) -> (B, M, dim). Its GELU is the exact one, and its norms have torch's default epsilon.
at::Tensor embed_image(const WanImageEmbedding& embedding, const at::Tensor& clip) {
  constexpr double eps = 1e-5;
  const at::Tensor hidden = at::gelu(nn::linear(embedding.hidden, nn::layer_norm(clip, eps, embedding.norm_in)));
  return nn::layer_norm(nn::linear(embedding.out, hidden), eps, embedding.norm_out);
}

// (B, T, values of camera_pool): each latent frame's cameras, averaged.
at::Tensor pooled_camera(const WanConfig& config, const at::Tensor& camera) {
  const at::Tensor frames = camera.flatten(0, 1).unsqueeze(1);  // (B T, 1, channels, H, W)
  const at::Tensor pooled = at::adaptive_avg_pool3d(frames, config.camera_pool);
  return pooled.flatten(1).unflatten(0, {camera.size(0), camera.size(1)});
}

// (B, V, 3, H_px, W_px) -> (B, V, tokens of a frame, dim).
at::Tensor stem_features(const std::vector<nn::LinearParameters>& stem, const at::Tensor& images, const Grid& tokens) {
  at::Tensor x = images.flatten(0, 1);
  for (std::size_t layer = 0; layer < stem.size(); ++layer) {
    if (layer > 0) x = at::silu(x);
    x = at::conv2d(x, stem[layer].weight, stem[layer].bias, /*stride=*/2, /*padding=*/1);
  }
  const auto scale = std::int64_t{1} << stem.size();
  check_shape(x.size(2) == tokens[1] && x.size(3) == tokens[2], where, "first_frames",
              text_of("(B, V, 3, ", tokens[1] * scale, ", ", tokens[2] * scale, ")"), images.sizes());
  return x.flatten(2).transpose(1, 2).unflatten(0, {images.size(0), images.size(1)});
}

void check_camera(const WanConfig& config, const WanInputs& inputs) {
  const auto& [frames, height, width] = inputs.grid;
  const bool fits =
      inputs.camera->sizes() == at::IntArrayRef({inputs.text.size(0), frames, config.camera_channels, height, width});
  check_shape(fits, where, "camera", shape_text({inputs.text.size(0), frames, config.camera_channels, height, width}),
              inputs.camera->sizes());
}

void check_y(const WanConfig& config, const WanInputs& inputs) {
  const at::Tensor& y = *inputs.y;
  const auto& [frames, height, width] = inputs.grid;
  const std::int64_t channels = y.dim() == 5 ? y.size(1) : 0;
  const std::array<std::int64_t, 5> shape = {inputs.text.size(0), channels, frames, height, width};
  check_shape(channels > 0 && channels < config.in_dim && y.sizes() == at::IntArrayRef(shape), where, "y",
              text_of("(", shape[0], ", fewer than ", config.in_dim, ", ", frames, ", ", height, ", ", width, ")"),
              y.sizes());
}

void check_image(const WanConfig& config, const WanInputs& inputs) {
  if (inputs.y) check_y(config, inputs);
  check(inputs.clip.has_value() == config.has_image_input, where, "clip",
        config.has_image_input ? "a tensor for has_image_input" : "none without has_image_input",
        inputs.clip ? "a tensor" : "none");
  if (!inputs.clip) return;
  const at::Tensor& clip = *inputs.clip;
  check_shape(
      clip.dim() == 3 && clip.size(0) == inputs.text.size(0) && clip.size(1) > 0 && clip.size(2) == wan_clip_dim, where,
      "clip", text_of("(", inputs.text.size(0), ", M, ", wan_clip_dim, ")"), clip.sizes());
}

void check_inputs(const WanConfig& config, const WanInputs& inputs, const Grid& tokens) {
  const at::Tensor& text = inputs.text;
  check(text.defined(), where, "text", "a tensor", "an undefined one");
  check_shape(text.dim() == 3 && text.size(0) > 0 && text.size(1) > 0 && text.size(2) == config.text_dim, where, "text",
              text_of("(B, L, ", config.text_dim, ")"), text.sizes());
  check(!inputs.camera || config.camera_channels > 0, where, "camera", "none without camera_channels", "a tensor");
  if (inputs.camera) check_camera(config, inputs);
  check_image(config, inputs);
  check(inputs.first_frames.has_value() == !config.image_stem.empty(), where, "first_frames",
        config.image_stem.empty() ? "none without image_stem" : "a tensor for the image_stem",
        inputs.first_frames ? "a tensor" : "none");
  if (inputs.first_frames) {
    const at::Tensor& frames = *inputs.first_frames;
    check_shape(frames.dim() == 5 && frames.size(0) == text.size(0) && frames.size(2) == 3 && frames.size(1) > 0 &&
                    tokens[0] % frames.size(1) == 0,
                where, "first_frames", text_of("(", text.size(0), ", V, 3, H, W), V a divisor of ", tokens[0]),
                frames.sizes());
  }
  const auto positions = static_cast<std::int64_t>(inputs.time_positions.size());
  check_shape(positions == 0 || positions == tokens[0], where, "time_positions", shape_text({tokens[0]}), {positions});
}

at::Tensor rotary(const WanConfig& config, const WanInputs& inputs, const Grid& tokens) {
  nn::RotaryGrid grid{inputs.time_positions, tokens[1], tokens[2]};
  if (grid.time.empty()) {
    grid.time.resize(static_cast<std::size_t>(tokens[0]));
    std::iota(grid.time.begin(), grid.time.end(), 0);
  }
  return nn::rotary_table(grid, config.head_dim(), config.rope_theta);
}

}  // namespace

WanContext wan_context(const WanOuterLayers& layers, const WanConfig& config, const WanInputs& inputs) {
  const Grid tokens = token_grid(config, inputs.grid);
  check_inputs(config, inputs, tokens);
  const at::TensorOptions options = layers.patch_embedding.weight.options();
  const at::Tensor text = inputs.text.to(options);
  WanContext context;
  context.text = nn::linear(layers.text_embedding_2, nn::gelu_tanh(nn::linear(layers.text_embedding_0, text)));
  if (inputs.clip) context.image = embed_image(layers.image_embedding, inputs.clip->to(options));
  if (inputs.y) context.y = inputs.y->to(options);
  context.rotary = rotary(config, inputs, tokens).to(options.device());
  if (config.pooled_text_modulation) context.pooled_text = pool_text(text, context.text);
  if (config.camera_channels > 0) {
    const auto& [frames, height, width] = inputs.grid;
    context.camera = pooled_camera(
        config, inputs.camera ? inputs.camera->to(options)
                              : at::zeros({text.size(0), frames, config.camera_channels, height, width}, options));
  }
  if (inputs.first_frames) context.stem = stem_features(layers.image_stem, inputs.first_frames->to(options), tokens);
  return context;
}

}  // namespace action_images
