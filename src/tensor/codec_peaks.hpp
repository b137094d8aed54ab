// SPDX-License-Identifier: Apache-2.0
// The blobs of many pictures at once, one for each channel.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace action_images::detail {

/// What the pictures of a batch have in common.
struct PictureSize {
  std::int64_t height;
  std::int64_t width;
  double sigma;  // of the drawn Gaussians [px]
};

/// Blobs of N pictures by channel; float64. Numbers of blobs that are not `found` mean nothing.
struct TensorPeaks {
  at::Tensor index;       // (N, 3, 2) index coordinates (column, row) [px]
  at::Tensor covariance;  // (N, 3, 2, 2) [px^2]
  at::Tensor sigma;       // (N, 3) fitted [px]
  at::Tensor score;       // (N, 3), 0..1
  at::Tensor found;       // (N, 3) bool
};

/// @param pictures    (N, H, W, 3) uint8 or floating point, contiguous.
/// @param background  (N) response of the blue background.
TensorPeaks find_peaks(const at::Tensor& pictures, const at::Tensor& background, const PictureSize& size);

/// Level of the blue background and the share of responses near it, pooled over the last axis.
struct BackgroundLevel {
  at::Tensor mean;   // (...)
  at::Tensor share;  // (...)
};

/// The mean of the middle half of the responses below 1.5 background levels; as ResponseHistogram::level_below.
/// @param responses  (..., S) in [0, 1].
BackgroundLevel background_level_of(const at::Tensor& responses);

/// Responses in [0, 1], float32, of pixel values.
at::Tensor responses_of(const at::Tensor& pixels);

}  // namespace action_images::detail
