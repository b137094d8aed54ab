// SPDX-License-Identifier: Apache-2.0
#include <action_images/wan/functional.hpp>

#include <utility>

#include <action_images/core/check.hpp>

#include "block.hpp"
#include "ends.hpp"
#include "parameters.hpp"

namespace action_images {

namespace {

WanOuterLayers declare_outer(Parameters& parameters, const WanConfig& config) {
  const Scope root(parameters);
  WanOuterLayers layers = declare_wan_embeddings(root, config);
  declare_wan_head(layers, root, config);
  return layers;
}

WanOuterLayers outer_of(const TensorMap& tensors, const WanConfig& config) {
  Parameters parameters(tensors);
  WanOuterLayers layers = declare_outer(parameters, config);
  parameters.finish();
  return layers;
}

WanBlock block_of(const TensorMap& tensors, const WanConfig& config) {
  Parameters parameters(tensors);
  WanBlock block = declare_wan_block(Scope(parameters), config);
  parameters.finish();
  return block;
}

// What was declared over no tensors at all, which takes no memory.
WanFunctional::Shapes shapes_of(const Parameters& parameters) {
  WanFunctional::Shapes shapes;
  for (const auto& [name, tensor] : parameters.named()) shapes.emplace_back(name, tensor.sizes().vec());
  return shapes;
}

void check_tokens(const WanConfig& config, const WanFunctional::Tokens& tokens, const char* where) {
  const at::Tensor& x = tokens.x;
  check(x.defined(), where, "tokens.x", "a tensor", "an undefined one");
  check_shape(x.dim() == 3 && x.size(2) == config.dim, where, "tokens.x", text_of("(B, N, ", config.dim, ")"),
              x.sizes());
  const at::Tensor& index = tokens.time_index;
  check_shape(!index.defined() || index.sizes() == x.sizes().slice(0, 2), where, "tokens.time_index",
              shape_text({x.size(0), x.size(1)}), index.defined() ? index.sizes() : at::IntArrayRef());
}

// A condition must be (B, any, width).
void check_condition(const at::Tensor& condition, const WanFunctional::Tokens& tokens, std::int64_t width,
                     const char* name) {
  constexpr const char* where = "wan::WanFunctional::block";
  check(condition.defined(), where, name, "a tensor", "an undefined one");
  const std::int64_t batch = tokens.x.size(0);
  check_shape(condition.dim() == 3 && condition.size(0) == batch && condition.size(2) == width, where, name,
              text_of('(', batch, ", any, ", width, ')'), condition.sizes());
}

void check_conditions(const WanConfig& config, const WanFunctional::Tokens& tokens) {
  constexpr const char* where = "wan::WanFunctional::block";
  check_condition(tokens.text, tokens, config.dim, "tokens.text");
  const auto& pool = config.camera_pool;
  if (config.camera_channels > 0) {
    check_condition(tokens.camera, tokens, pool[0] * pool[1] * pool[2], "tokens.camera");
    const std::int64_t frames = tokens.camera.size(1);
    check_shape(frames > 0 && tokens.x.size(1) % frames == 0, where, "tokens.camera",
                text_of("a number of frames that divides ", tokens.x.size(1)), tokens.camera.sizes());
  }
  if (config.has_image_input) check_condition(tokens.image, tokens, config.dim, "tokens.image");
  const at::Tensor& projection = tokens.time_projection;
  check(projection.defined(), where, "tokens.time_projection", "a tensor", "an undefined one");
  check_shape(projection.dim() == 4 && projection.size(2) == 6 && projection.size(3) == config.dim, where,
              "tokens.time_projection", text_of("(S, U, 6, ", config.dim, ")"), projection.sizes());
  const std::array<std::int64_t, 2> turns = {tokens.x.size(1), config.head_dim() / 2};
  check(tokens.rotary.defined(), where, "tokens.rotary", "a tensor", "an undefined one");
  check_shape(tokens.rotary.sizes() == at::IntArrayRef(turns), where, "tokens.rotary", shape_text(turns),
              tokens.rotary.sizes());
}

}  // namespace

WanFunctional::WanFunctional(WanConfig config) : config_(std::move(config)) { check_wan_config(config_); }

WanFunctional::Shapes WanFunctional::outer_shapes() const {
  Parameters parameters{TensorMap()};
  declare_outer(parameters, config_);
  return shapes_of(parameters);
}

WanFunctional::Shapes WanFunctional::block_shapes() const {
  Parameters parameters{TensorMap()};
  declare_wan_block(Scope(parameters), config_);
  return shapes_of(parameters);
}

WanFunctional::Tokens WanFunctional::embed(const TensorMap& outer, const at::Tensor& latents,
                                           const at::Tensor& timestep, const WanInputs& inputs) const {
  const WanOuterLayers layers = outer_of(outer, config_);
  const WanContext context = wan_context(layers, config_, inputs);
  const WanTokens tokens =
      embed_wan_latents(layers, config_, {latents, timestep, inputs.grid, inputs.text.size(0)}, context);
  return {.x = tokens.x,
          .text = context.text,
          .image = context.image,
          .camera = context.camera,
          .time_embedding = tokens.time.embedding,
          .time_projection = tokens.time.projection,
          .time_index = tokens.time.index,
          .rotary = context.rotary};
}

at::Tensor WanFunctional::block(const TensorMap& block, const Tokens& tokens) const {
  const WanBlock parameters = block_of(block, config_);
  check_tokens(config_, tokens, "wan::WanFunctional::block");
  check_conditions(config_, tokens);
  const WanContext context{.text = tokens.text, .image = tokens.image, .camera = tokens.camera};
  WanBlockConditions conditions = wan_block_conditions(parameters, config_, context);
  return run_wan_block(parameters,
                       {.x = tokens.x,
                        .text = std::move(conditions.text),
                        .image = std::move(conditions.image),
                        .camera = std::move(conditions.camera),
                        .time = {tokens.time_embedding, tokens.time_projection, tokens.time_index},
                        .rotary = tokens.rotary},
                       config_);
}

at::Tensor WanFunctional::head(const TensorMap& outer, const Tokens& tokens,
                               const std::array<std::int64_t, 3>& grid) const {
  constexpr const char* where = "wan::WanFunctional::head";
  check_tokens(config_, tokens, where);
  std::int64_t count = 1;
  for (std::size_t axis = 0; axis < 3; ++axis) count *= grid[axis] / config_.patch_size[axis];
  check_shape(count == tokens.x.size(1), where, "grid", text_of("one of ", tokens.x.size(1), " tokens"), grid);
  check(tokens.time_embedding.defined(), where, "tokens.time_embedding", "a tensor", "an undefined one");
  return run_wan_head(outer_of(outer, config_), config_,
                      {tokens.x, {tokens.time_embedding, tokens.time_projection, tokens.time_index}}, grid);
}

}  // namespace action_images
