// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <action_images/codec/convention.hpp>
#include <action_images/codec/picture.hpp>

namespace action_images {

/// Openness, and which share of the blue responses it rests on.
struct OpennessReading {
  double openness = std::numeric_limits<double>::quiet_NaN();
  double confidence = 0.0;  ///< 1 if at least half of the responses lie close to the background's level
};

/// Openness from the background of the blue channel, over all views. Paper Eq. 7, made robust: the mean of
/// the middle half of the responses instead of all.
inline OpennessReading read_openness(const std::vector<PictureReading>& views, const PixelLayout& layout) {
  ResponseHistogram blue;
  for (const PictureReading& view : views) blue.add(view.blue);
  const auto level = blue.level_below(background_limit(layout));
  if (!level) return {};
  const double openness = std::clamp(level->mean / layout.threshold, 0.0, 1.0);
  return {layout.binary_openness ? std::round(openness) : openness, std::min(1.0, 2.0 * level->share)};
}

}  // namespace action_images
