// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace action_images::ffmpeg {

/// One axis of a picture that is cropped and resized: the interval [begin, begin + extent] of `source` samples becomes
/// `target` samples; begin may be half a sample.
struct AxisCrop {
  int source = 0;
  double begin = 0.0;
  int extent = 0;
  int target = 0;
};

/// Resampling along one axis: target i is the sum over k of weights[i * taps + k] * source[first[i] + k].
struct AxisFilter {
  int taps = 0;
  std::vector<std::int32_t> first;
  std::vector<float> weights;

  /// Where the filter turns every stored sample into two: the stored sample that is the first of the first target's
  /// four, possibly before the edge; all even targets then have doubling_weights, the odd ones the same turned round.
  std::optional<int> doubling_begin;
  std::array<float, 4> doubling_weights{};

  int begin() const;  ///< first source sample that is used
  int end() const;    ///< one after the last
};

/// Antialiased linear resampling: a triangle around each target sample's centre, wider than a sample when the picture
/// shrinks. Weights sum to 1.
AxisFilter triangle_filter(const AxisCrop& crop);

/// The same for an axis of which only `samples` are stored, evenly over the whole picture (the colour of yuv420p): the
/// triangle of full resolution after bicubic interpolation (a = -0.6, as swscale's) of what is stored.
AxisFilter subsampled_filter(const AxisCrop& crop, int samples);

}  // namespace action_images::ffmpeg
