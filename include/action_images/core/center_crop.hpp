// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>

namespace action_images {

/// A rectangle of a picture [px]; x and y may be half pixels, width and height are whole numbers.
struct CropBox {
  double x = 0.0;
  double y = 0.0;
  int width = 0;
  int height = 0;
};

/// The largest centred box of a (height, width) picture with the aspect ratio of (target_height, target_width).
inline CropBox center_crop(int height, int width, int target_height, int target_width) {
  const auto across = [](int size, int numerator, int denominator) {
    return static_cast<int>(std::lround(static_cast<double>(size) * numerator / denominator));
  };
  CropBox box{0.0, 0.0, width, height};
  box.width = std::clamp(across(height, target_width, target_height), 1, width);
  if (box.width == width) box.height = std::clamp(across(width, target_height, target_width), 1, height);
  box.x = 0.5 * (width - box.width);
  box.y = 0.5 * (height - box.height);
  return box;
}

}  // namespace action_images
