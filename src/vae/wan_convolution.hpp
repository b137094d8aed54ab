// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include <ATen/core/Tensor.h>

namespace action_images::wan_vae {

struct Strides {
  std::int64_t time = 1, space = 1;
};

/// Convolution of features (B, T, H, W, C) without padding in time, weight (out, C, time, height, width):
/// zeros are added `padding` = {top, bottom, left, right}.
at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                    const std::array<std::int64_t, 4>& padding = {0, 0, 0, 0}, const Strides& strides = {});

/// The 3 x 3 convolution with a border of one zero of every frame of x after each pixel became 2 x 2: (B, T, H, W, C)
/// -> (B, T, 2 H, 2 W, out), weight (out, C, 3, 3). Each of the four pixels is a 2 x 2 convolution of x itself.
at::Tensor convolve_doubled(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace action_images::wan_vae
