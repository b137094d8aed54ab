// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace action_images {

/// Overlapping tiles, encoded or decoded one by one and blended, so that memory does not grow with the picture. Values
/// are those of Wan's public pipelines and of the release's --tiled. (height, width) in latents.
struct Tiling {
  std::array<std::int64_t, 2> size = {34, 34};    ///< of a tile
  std::array<std::int64_t, 2> stride = {18, 16};  ///< between tiles, 1 to size: they overlap by size - stride
};

}  // namespace action_images
