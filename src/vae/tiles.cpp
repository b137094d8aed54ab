// SPDX-License-Identifier: Apache-2.0
#include "tiles.hpp"

#include <algorithm>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>

namespace action_images {
namespace {

// Begins of the tiles along one axis: none begins where the tile before it reaches the end.
std::vector<std::int64_t> begins(std::int64_t length, std::int64_t size, std::int64_t stride) {
  std::vector<std::int64_t> begins = {0};
  while (begins.back() + size < length) begins.push_back(begins.back() + stride);
  return begins;
}

// 1, with linear ramps 1/n .. n/n over the n numbers at each end that has a neighbour.
at::Tensor ramp(std::int64_t length, std::int64_t border, bool first, bool last) {
  at::Tensor weight = at::ones({length}, at::kDouble);
  border = std::min(border, length);
  if (border == 0) return weight;
  const at::Tensor rise = at::arange(1, border + 1, at::kDouble) / static_cast<double>(border);
  if (!first) weight.narrow(0, 0, border).copy_(rise);
  if (!last) weight.narrow(0, length - border, border).copy_(rise.flip(0));
  return weight;
}

}  // namespace

std::vector<Tile> tiles_of(const Tiling& tiling, std::int64_t height, std::int64_t width) {
  for (const int axis : {0, 1}) {
    check(tiling.stride[axis] >= 1 && tiling.stride[axis] <= tiling.size[axis], "vae::Tiling", "stride",
          text_of("1 to the size ", tiling.size[axis]), tiling.stride[axis]);
  }
  std::vector<Tile> tiles;
  for (const std::int64_t top : begins(height, tiling.size[0], tiling.stride[0])) {
    for (const std::int64_t left : begins(width, tiling.size[1], tiling.stride[1])) {
      tiles.push_back({top, std::min(top + tiling.size[0], height), left, std::min(left + tiling.size[1], width)});
    }
  }
  return tiles;
}

TileBlend::TileBlend(const Tiling& tiling, std::int64_t height, std::int64_t width, std::int64_t scale)
    : tiling_(tiling), height_(height), width_(width), scale_(scale) {}

void TileBlend::add(const Tile& tile, const at::Tensor& values) {
  if (!sum_.defined()) {
    const std::int64_t rows = height_ * scale_, columns = width_ * scale_;
    sum_ = at::zeros({values.size(0), values.size(1), values.size(2), rows, columns}, values.options());
    weight_ = at::zeros({rows, columns}, values.options());
  }
  const std::int64_t rows = values.size(3), columns = values.size(4);
  const at::Tensor vertical =
      ramp(rows, (tiling_.size[0] - tiling_.stride[0]) * scale_, tile.top == 0, tile.bottom == height_);
  const at::Tensor horizontal =
      ramp(columns, (tiling_.size[1] - tiling_.stride[1]) * scale_, tile.left == 0, tile.right == width_);
  const at::Tensor mask = at::minimum(vertical.unsqueeze(1), horizontal.unsqueeze(0)).to(values.options());
  sum_.narrow(3, tile.top * scale_, rows).narrow(4, tile.left * scale_, columns).add_(values * mask);
  weight_.narrow(0, tile.top * scale_, rows).narrow(1, tile.left * scale_, columns).add_(mask);
}

at::Tensor TileBlend::result() const { return sum_ / weight_; }

}  // namespace action_images
