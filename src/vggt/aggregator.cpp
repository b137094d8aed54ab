// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <ATen/ATen.h>

#include "network.hpp"

namespace action_images::vggt {

namespace {

BlockOptions options_of(const VggtConfig& config) {
  return {.dim = config.embed, .heads = config.heads, .qk_norm = true};
}

// ImageNet's mean and standard deviation. @param images  (N, 3, H, W) in [0, 1]
at::Tensor normalized(const at::Tensor& images) {
  const auto options = images.options();
  const at::Tensor mean = at::tensor({0.485, 0.456, 0.406}, options).view({3, 1, 1});
  const at::Tensor deviation = at::tensor({0.229, 0.224, 0.225}, options).view({3, 1, 1});
  return (images - mean) / deviation;
}

// (1, 2, n, embed) -> (B S, n, embed): row 0 for the first picture of each scene, row 1 for all others.
at::Tensor for_pictures(const at::Tensor& token, std::int64_t scenes, std::int64_t pictures) {
  const at::Tensor wide = token.to(at::kFloat);
  const at::Tensor first = wide.narrow(1, 0, 1), others = wide.narrow(1, 1, 1).expand({-1, pictures - 1, -1, -1});
  return at::cat({first, others}, 1).expand({scenes, -1, -1, -1}).flatten(0, 1);
}

// (row, column) of every token of a picture, from 1; (0, 0) for the tokens before the patches.
at::Tensor positions(const VggtConfig& config, std::int64_t rows, std::int64_t columns,
                     const at::TensorOptions& options) {
  const at::Tensor row = at::arange(1, rows + 1, options).unsqueeze(1).expand({-1, columns});
  const at::Tensor column = at::arange(1, columns + 1, options).unsqueeze(0).expand({rows, -1});
  const at::Tensor patches = at::stack({row, column}, -1).flatten(0, 1);
  return at::cat({at::zeros({config.first_patch(), 2}, options), patches}, 0);
}

std::vector<Block> declare_blocks(const Scope& scope, const VggtConfig& config) {
  std::vector<Block> blocks;
  for (std::int64_t i = 0; i < config.depth; ++i) blocks.push_back(declare_block(scope / i, options_of(config)));
  return blocks;
}

}  // namespace

Aggregator declare_aggregator(const Scope& scope, const VggtConfig& config) {
  Aggregator aggregator;
  aggregator.camera_token = scope.parameter("camera_token", {1, 2, 1, config.embed}, Init::normal_002);
  aggregator.register_token = scope.parameter("register_token", {1, 2, config.reg, config.embed}, Init::normal_002);
  aggregator.dino = declare_dino(scope / "patch_embed", config);
  aggregator.frame_blocks = declare_blocks(scope / "frame_blocks", config);
  aggregator.global_blocks = declare_blocks(scope / "global_blocks", config);
  return aggregator;
}

std::vector<at::Tensor> run_aggregator(const Aggregator& aggregator, const VggtConfig& config, const at::Tensor& images,
                                       const std::vector<std::int64_t>& outputs, const Advance& advance) {
  const std::int64_t scenes = images.size(0), pictures = images.size(1);
  const std::int64_t rows = images.size(3) / config.patch, columns = images.size(4) / config.patch;
  const at::Tensor patches = run_dino(aggregator.dino, config, normalized(images.flatten(0, 1)), advance);
  at::Tensor x = at::cat({for_pictures(aggregator.camera_token, scenes, pictures),
                          for_pictures(aggregator.register_token, scenes, pictures), patches},
                         1);  // (B S, P, embed)
  const std::int64_t tokens = x.size(1);
  const at::Tensor places = positions(config, rows, columns, x.options());
  const BlockOptions options = options_of(config);
  const std::int64_t head_dim = config.embed / config.heads;
  const Rotation within = rotation_2d(places, head_dim);
  const Rotation across = rotation_2d(places.repeat({pictures, 1}), head_dim);

  std::vector<at::Tensor> collected(aggregator.frame_blocks.size());
  for (std::size_t i = 0; i < collected.size(); ++i) {
    const at::Tensor in_frame = run_block(aggregator.frame_blocks[i], options, x, within);
    const at::Tensor all = in_frame.view({scenes, pictures * tokens, config.embed});
    x = run_block(aggregator.global_blocks[i], options, all, across).view({scenes * pictures, tokens, config.embed});
    const bool wanted = std::find(outputs.begin(), outputs.end(), static_cast<std::int64_t>(i)) != outputs.end();
    if (wanted) collected[i] = at::cat({in_frame, x}, -1).unflatten(0, {scenes, pictures});
    advance();
  }
  return collected;
}

}  // namespace action_images::vggt
