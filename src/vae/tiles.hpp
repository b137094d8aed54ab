// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include <action_images/vae/tiling.hpp>

namespace action_images {

/// One tile of latents: rows [top, bottom), columns [left, right).
struct Tile {
  std::int64_t top = 0, bottom = 0, left = 0, right = 0;
};

/// The tiles that cover height x width latents, row by row. @throws ValueError if a stride is not in 1 .. size.
std::vector<Tile> tiles_of(const Tiling& tiling, std::int64_t height, std::int64_t width);

/// Adds tiles into a picture, each weighted by ramps that fall linearly over its inner borders, and divides by the sum
/// of the weights.
class TileBlend {
 public:
  /// @param scale  numbers of the picture a latent, in height and width.
  TileBlend(const Tiling& tiling, std::int64_t height, std::int64_t width, std::int64_t scale);

  /// @param values  (B, C, T, rows, columns) of the tile.
  void add(const Tile& tile, const at::Tensor& values);

  /// (B, C, T, height * scale, width * scale).
  at::Tensor result() const;

 private:
  Tiling tiling_;
  std::int64_t height_, width_, scale_;
  at::Tensor sum_, weight_;
};

}  // namespace action_images
