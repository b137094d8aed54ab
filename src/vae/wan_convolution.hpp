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

}  // namespace action_images::wan_vae
