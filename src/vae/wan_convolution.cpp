// SPDX-License-Identifier: Apache-2.0
#include "wan_convolution.hpp"

#include <ATen/ATen.h>

namespace action_images::wan_vae {
namespace {

// Below this number of positions, a library that brings the weights into its own order spends more time on that than on
// the convolution; a matrix product takes them as they are.
bool weights_outweigh(const at::Tensor& x, std::int64_t positions) {
  const std::int64_t few = x.scalar_type() == at::kFloat ? 160 : 1024;
  return x.device().is_cpu() && positions <= few;
}

// x (B, T, H, W, C), padded -> sum over the window of each position, as one matrix product.
at::Tensor convolve_by_product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const at::Tensor windows =
      x.unfold(1, weight.size(2), 1).unfold(2, weight.size(3), 1).unfold(3, weight.size(4), 1);  // (B,T,H,W,C,t,h,w)
  const at::Tensor rows = windows.permute({0, 1, 2, 3, 5, 6, 7, 4}).flatten(4);
  return at::linear(rows, weight.permute({0, 2, 3, 4, 1}).flatten(1), bias);
}

}  // namespace

at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                    const std::array<std::int64_t, 4>& padding, const Strides& strides) {
  const auto& [top, bottom, left, right] = padding;
  const bool symmetric = top == bottom && left == right;
  const std::int64_t positions = x.size(0) * (x.size(1) - weight.size(2) + 1) * x.size(2) * x.size(3);
  const bool product = strides.time == 1 && strides.space == 1 && weights_outweigh(x, positions);
  const at::Tensor padded = symmetric && !product ? x : at::constant_pad_nd(x, {0, 0, left, right, top, bottom});
  if (product) return convolve_by_product(padded, weight, bias);
  const std::int64_t rows = symmetric ? top : 0, columns = symmetric ? left : 0;
  const at::Tensor y = at::conv3d(padded.permute({0, 4, 1, 2, 3}), weight, bias,
                                  {strides.time, strides.space, strides.space}, {0, rows, columns});
  return y.permute({0, 2, 3, 4, 1}).contiguous();
}

}  // namespace action_images::wan_vae
