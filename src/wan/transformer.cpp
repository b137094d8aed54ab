// SPDX-License-Identifier: Apache-2.0
#include <action_images/wan/transformer.hpp>

#include <utility>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>

#include "block.hpp"
#include "ends.hpp"
#include "parameters.hpp"

namespace action_images {

namespace {

constexpr const char* where = "wan::WanTransformer::forward";

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

}  // namespace

WanTransformer::WanTransformer(WanConfig config, Parameters parameters)
    : config_(std::move(config)), parameters_(std::move(parameters)) {
  check_wan_config(config_);
  const Scope root(parameters_);
  outer_ = declare_wan_embeddings(root, config_);
  for (std::int64_t i = 0; i < config_.num_layers; ++i) {
    blocks_.push_back(declare_wan_block(root / "blocks" / i, config_));
  }
  declare_wan_head(outer_, root, config_);
  parameters_.finish();
}

at::Tensor WanTransformer::forward(const at::Tensor& latents, const at::Tensor& timestep,
                                   const WanConditions& conditions, const WanForwardOptions& options) const {
  check_conditions(config_, conditions);
  const WanContext context{
      .rotary = conditions.rotary, .stem = conditions.stem, .pooled_text = conditions.pooled_text, .y = conditions.y};
  const std::int64_t batch = conditions.text.front().keys.size(0);
  WanTokens tokens = embed_wan_latents(outer_, config_, {latents, timestep, conditions.grid, batch}, context);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    WanBlockInputs inputs{
        .x = std::move(tokens.x), .text = conditions.text[i], .time = tokens.time, .rotary = conditions.rotary};
    if (!conditions.image.empty()) inputs.image = conditions.image[i];
    if (!conditions.camera.empty()) inputs.camera = conditions.camera[i];
    tokens.x = options.checkpoint ? checkpoint_wan_block(blocks_[i], std::move(inputs), config_, options.offload)
                                  : run_wan_block(blocks_[i], std::move(inputs), config_);
  }
  return run_wan_head(outer_, config_, tokens, conditions.grid);
}

}  // namespace action_images
