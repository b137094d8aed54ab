// SPDX-License-Identifier: Apache-2.0
#include "wan_convolution.hpp"

#include <array>

#include <ATen/ATen.h>
#include <ATen/Context.h>

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

// oneDNN's convolution, which at::convolution takes for large enough inputs only. x and the result are channels_last.
at::Tensor library_convolution(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                               at::IntArrayRef padding, at::IntArrayRef strides) {
  static constexpr std::array<std::int64_t, 3> ones = {1, 1, 1};
  const auto dilation = at::IntArrayRef(ones).slice(0, strides.size());
  const bool onednn = x.device().is_cpu() && x.scalar_type() == at::kFloat && at::hasMKLDNN() &&
                      at::globalContext().userEnabledMkldnn();
  if (onednn) return at::mkldnn_convolution(x, weight, bias, padding, strides, dilation, 1);
  return at::convolution(x, weight, bias, strides, padding, dilation, false, padding, 1);
}

// Which rows (or columns) of a kernel of size 3 meet pixel `side` of two neighbours, when the result is pixel `phase`
// of the two that the first or second of them becomes: [first, last].
constexpr std::int64_t met[2][2][2] = {{{0, 0}, {1, 2}}, {{0, 1}, {2, 2}}};

// (out, in, 3, 3) -> (2 2 out, in, 2, 2): a kernel for each of the four pixels that one becomes, of sums in float32.
at::Tensor phase_kernels(const at::Tensor& weight) {
  const at::Tensor kernel = weight.permute({0, 2, 3, 1});  // (out, 3, 3, in), as it lies in memory
  at::Tensor phases = at::zeros({2, 2, weight.size(0), 2, 2, weight.size(1)}, weight.options().dtype(at::kFloat));
  for (int i = 0; i < 16; ++i) {
    const int row = i >> 3, column = i >> 2 & 1, above = i >> 1 & 1, left = i & 1;
    at::Tensor sum = phases.select(0, row).select(0, column).select(1, above).select(1, left);
    for (std::int64_t y = met[row][above][0]; y <= met[row][above][1]; ++y) {
      for (std::int64_t x = met[column][left][0]; x <= met[column][left][1]; ++x) {
        sum.add_(kernel.select(1, y).select(1, x));
      }
    }
  }
  return phases.flatten(0, 2).to(weight.scalar_type()).permute({0, 3, 1, 2});
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
  if (weight.size(2) == 1 && strides.time == 1) {  // frame by frame
    const at::Tensor y = library_convolution(padded.flatten(0, 1).permute({0, 3, 1, 2}), weight.squeeze(2), bias,
                                             {rows, columns}, {strides.space, strides.space});
    return y.permute({0, 2, 3, 1}).contiguous().unflatten(0, {x.size(0), x.size(1)});
  }
  const at::Tensor y = library_convolution(padded.permute({0, 4, 1, 2, 3}), weight, bias, {0, rows, columns},
                                           {strides.time, strides.space, strides.space});
  return y.permute({0, 2, 3, 4, 1}).contiguous();
}

at::Tensor convolve_doubled(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const std::int64_t frames = x.size(0) * x.size(1), height = x.size(2), width = x.size(3);
  if (frames * height * width < 512) {  // folding the kernel costs more than it saves
    const at::Tensor doubled = x.repeat_interleave(2, 3).repeat_interleave(2, 2);
    return convolve(doubled, weight.unsqueeze(2), bias, {1, 1, 1, 1});
  }
  const at::Tensor phases = library_convolution(x.flatten(0, 1).permute({0, 3, 1, 2}), phase_kernels(weight),
                                                bias.repeat({4}), {1, 1}, {1, 1})
                                .permute({0, 2, 3, 1})
                                .unflatten(-1, {4, -1});  // (frames, height + 1, width + 1, 4, out)
  at::Tensor y = at::empty({frames, height, 2, width, 2, weight.size(0)}, phases.options());
  for (const std::int64_t row : {0, 1}) {
    for (const std::int64_t column : {0, 1}) {
      const at::Tensor phase = phases.select(3, 2 * row + column);
      y.select(4, column).select(2, row).copy_(phase.narrow(1, row, height).narrow(2, column, width));
    }
  }
  return y.view({x.size(0), x.size(1), 2 * height, 2 * width, weight.size(0)});
}

}  // namespace action_images::wan_vae
