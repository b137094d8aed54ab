// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace action_images {

/// Pictures of one size: centre crop to the aspect ratio, then antialiased linear resize. Pixel centres lie where
/// `Camera::center_crop_resize` puts them, half pixels included.
/// @param pictures  uint8 [..., H, W, 3] on the CPU.
/// @return uint8 [..., height, width, 3], contiguous; the same tensor if it has that size.
/// @throws ShapeError on another shape or a size that is not 1..16384; ValueError on another dtype or device.
at::Tensor center_crop_resize(const at::Tensor& pictures, int height, int width);

}  // namespace action_images
