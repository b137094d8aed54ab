// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <ATen/ATen.h>

#include "network.hpp"

namespace action_images::vggt {

namespace {

constexpr double eps = 1e-6;

BlockOptions options_of(const VggtConfig& config) { return {.dim = config.embed, .heads = config.heads, .eps = eps}; }

// The table of positions (1, 1 + rows columns, embed): as learned for square pictures of its own size, else resampled.
at::Tensor positions(const Dino& dino, std::int64_t rows, std::int64_t columns) {
  const at::Tensor table = dino.pos_embed.to(at::kFloat);
  const std::int64_t patches = table.size(1) - 1;
  if (rows == columns && rows * columns == patches) return table;
  const auto side = static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(patches))));
  const at::Tensor grid = table.narrow(1, 1, patches).unflatten(1, {side, side}).permute({0, 3, 1, 2});
  const at::Tensor resampled = at::_upsample_bicubic2d_aa(grid, {rows, columns}, /*align_corners=*/false);
  return at::cat({table.narrow(1, 0, 1), resampled.flatten(2).transpose(1, 2)}, 1);
}

}  // namespace

Dino declare_dino(const Scope& scope, const VggtConfig& config) {
  const std::int64_t embed = config.embed, side = config.img_size / config.patch;
  Dino dino;
  dino.cls_token = scope.parameter("cls_token", {1, 1, embed}, Init::normal_002);
  dino.pos_embed = scope.parameter("pos_embed", {1, 1 + side * side, embed}, Init::normal_002);
  dino.register_tokens = scope.parameter("register_tokens", {1, config.reg, embed}, Init::normal_002);
  const Scope patch = scope / "patch_embed" / "proj";
  dino.patch = {patch.parameter("weight", {embed, 3, config.patch, config.patch}, Init::normal_002),
                patch.parameter("bias", {embed}, Init::zeros)};
  for (std::int64_t i = 0; i < config.dino_depth; ++i) {
    dino.blocks.push_back(declare_block(scope / "blocks" / i, options_of(config)));
  }
  dino.norm = nn::declare_layer_norm(scope / "norm", embed);
  return dino;
}

at::Tensor run_dino(const Dino& dino, const VggtConfig& config, const at::Tensor& images, const Advance& advance) {
  const std::int64_t count = images.size(0);
  const at::Tensor grid =
      at::conv2d(images.to(dino.patch.weight.scalar_type()), dino.patch.weight, dino.patch.bias, config.patch)
          .to(at::kFloat);
  const at::Tensor cls = dino.cls_token.to(at::kFloat).expand({count, -1, -1});
  const at::Tensor placed =
      at::cat({cls, grid.flatten(2).transpose(1, 2)}, 1) + positions(dino, grid.size(2), grid.size(3));
  const at::Tensor registers = dino.register_tokens.to(at::kFloat).expand({count, -1, -1});
  at::Tensor x = at::cat({placed.narrow(1, 0, 1), registers, placed.narrow(1, 1, placed.size(1) - 1)}, 1);
  for (const Block& block : dino.blocks) {
    x = run_block(block, options_of(config), x);
    advance();
  }
  const std::int64_t first = config.first_patch();
  return norm(x.narrow(1, first, x.size(1) - first), eps, dino.norm);
}

}  // namespace action_images::vggt
