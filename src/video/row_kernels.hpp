// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "axis_filter.hpp"

namespace action_images::ffmpeg {

/// RGB = offset + luma * y + (red_v v, green_u u + green_v v, blue_u u), rounded and clipped to 0..255.
struct ColourMatrix {
  float luma = 1.0F;
  float red_v = 0.0F;
  float green_u = 0.0F;
  float green_v = 0.0F;
  float blue_u = 0.0F;
  float red_offset = 0.0F;
  float green_offset = 0.0F;
  float blue_offset = 0.0F;
};

/// Three rows of samples: y, u, v or red, green, blue.
struct Rows {
  const float* first;
  const float* second;
  const float* third;
};

/// Rows that are resampled together.
inline constexpr int lanes = 8;

/// The inner loops of resampling, over rows of float samples. Products and sums are rounded one by one, so that every
/// processor gives the same bits.
struct RowKernels {
  /// out[x] = sum over k of weights[k] * rows[k * stride + x], x < width.
  void (*vertical)(const std::uint8_t* rows, std::ptrdiff_t stride, const float* weights, int taps, float* out,
                   int width);
  /// Turns `lanes` rows of `count` samples (a multiple of lanes) into columns of `lanes` samples.
  void (*transpose)(const float* rows, std::ptrdiff_t stride, float* columns, int count);
  /// out[r][x] = sum over k of weights[x * taps + k] * columns[first[x] + k][r] for `lanes` rows, x < width; writes up
  /// to the next multiple of `lanes`.
  void (*horizontal)(const float* columns, const AxisFilter& filter, float* out, std::ptrdiff_t stride);
  /// out[2 x] = sum of weights[k] * row[x + k], out[2 x + 1] = sum of weights[3 - k] * row[x + 1 + k], k < 4, x <
  /// pairs.
  void (*doubling)(const float* row, const float* weights, float* out, int pairs);
  /// Packed RGB of `width` pixels.
  void (*yuv_to_rgb)(const Rows& rows, const ColourMatrix& matrix, std::uint8_t* rgb, int width);
  void (*pack_rgb)(const Rows& rows, std::uint8_t* rgb, int width);
};

/// The fastest that this processor runs.
const RowKernels& row_kernels();

}  // namespace action_images::ffmpeg
