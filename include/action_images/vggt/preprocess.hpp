// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

namespace action_images {

/// How pictures of any size are brought to a size that VGGT takes. `side` is its img_size.
enum class VggtSizing {
  crop,     ///< "crop": to a width of side, the height to the nearest multiple of patch; what is higher than side is cut
  pad,      ///< "pad": the longer side to side, the shorter to the nearest multiple of patch, white borders to a square
  square,   ///< "square": black borders to a square, then to side: the loader for reconstructions
  release,  ///< "release": the middle square, all of the largest one's size, to side without a low-pass: Action Images'
};

/// @throws ValueError, listing the names, for an unknown one.
VggtSizing vggt_sizing(std::string_view name);

/// Where a picture lies in the one that the network sees: x' = scale_x x + offset_x, y' = scale_y y + offset_y, in pixels
/// whose first centre is (0.5, 0.5).
struct VggtPlacement {
  double scale_x, scale_y, offset_x, offset_y;
};

struct VggtPictures {
  at::Tensor images;                      ///< (S, 3, H, W) float32 in [0, 1]
  std::vector<VggtPlacement> placements;  ///< S
};

/// Pictures as VGGT takes them, as its public loaders make them up to one grey level.
///
/// An alpha channel is laid over white (release: dropped). Pictures whose sizes still differ get white borders.
/// @param pictures  S >= 1 of (H, W, 3) or (H, W, 4) uint8 on the CPU.
/// @param side      of the network's pictures, a multiple of patch.
/// @throws ShapeError on another shape, or a picture so long that its shorter side would vanish; ValueError on another
///         dtype.
VggtPictures vggt_pictures(const std::vector<at::Tensor>& pictures, VggtSizing sizing, std::int64_t side = 518,
                           std::int64_t patch = 14);

/// Intrinsics (S, 3, 3) of the pictures themselves, from those of what the network saw.
/// @throws ShapeError unless there is one for each placement.
at::Tensor intrinsics_of_pictures(const at::Tensor& intrinsics, const std::vector<VggtPlacement>& placements);

}  // namespace action_images
