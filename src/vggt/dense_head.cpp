// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <string>

#include <ATen/ATen.h>

#include "network.hpp"

namespace action_images::vggt {

namespace {

constexpr double eps = 1e-5;
constexpr std::int64_t hidden_channels = 32;
constexpr double position_weight = 0.1;
constexpr double position_base = 100.0;

nn::LinearParameters declare_conv(const Scope& scope, std::int64_t in, std::int64_t out, std::int64_t size) {
  return {scope.parameter("weight", {out, in, size, size}, Init::kaiming), scope.parameter("bias", {out}, Init::zeros)};
}

nn::LinearParameters declare_transposed(const Scope& scope, std::int64_t channels, std::int64_t size) {
  return {scope.parameter("weight", {channels, channels, size, size}, Init::kaiming),
          scope.parameter("bias", {channels}, Init::zeros)};
}

DenseHead::Unit declare_unit(const Scope& scope, std::int64_t features) {
  return {declare_conv(scope / "conv1", features, features, 3), declare_conv(scope / "conv2", features, features, 3)};
}

at::Tensor conv(const nn::LinearParameters& layer, const at::Tensor& x, std::int64_t stride = 1) {
  return at::conv2d(x, layer.weight, layer.bias, stride, /*padding=*/layer.weight.size(-1) / 2);
}

at::Tensor resized(const at::Tensor& x, std::int64_t height, std::int64_t width) {
  return at::upsample_bilinear2d(x, {height, width}, /*align_corners=*/true);
}

// Places of `count` pixel centres on an axis that reaches from -half_span to half_span at the picture's borders.
at::Tensor places(std::int64_t count, double half_span, const at::TensorOptions& options) {
  const double last = half_span * static_cast<double>(count - 1) / static_cast<double>(count);
  return at::linspace(-last, last, count, options);
}

// sin and cos of places times 100^(-i / (channels / 4)): (count, channels / 2).
at::Tensor waves(const at::Tensor& places, std::int64_t channels) {
  const std::int64_t quarter = channels / 4;
  const at::Tensor exponents = at::arange(quarter, places.options()) / static_cast<double>(quarter);
  const at::Tensor angles = at::outer(places, at::pow(position_base, exponents).reciprocal());
  return at::cat({angles.sin(), angles.cos()}, 1);
}

// x (N, channels, h, w) plus an embedding of where its pixels lie in a picture of this aspect, width / height.
at::Tensor with_positions(const at::Tensor& x, double aspect) {
  const std::int64_t channels = x.size(1), rows = x.size(2), columns = x.size(3);
  const double diagonal = std::sqrt(aspect * aspect + 1.0);
  const auto options = x.options().dtype(at::kDouble);
  const at::Tensor across = waves(places(columns, aspect / diagonal, options), channels);
  const at::Tensor down = waves(places(rows, 1.0 / diagonal, options), channels);
  const at::Tensor embedding = at::cat({across.t().unsqueeze(1).expand({-1, rows, -1}),
                                        down.t().unsqueeze(2).expand({-1, -1, columns})},
                                       0);  // (channels, rows, columns)
  return x + embedding.to(at::kFloat) * position_weight;
}

// The published network rectifies in place, so that its residual is rectified, too.
at::Tensor run_unit(const DenseHead::Unit& unit, const at::Tensor& x) {
  const at::Tensor rectified = x.relu();
  return conv(unit.conv2, conv(unit.conv1, rectified).relu()) + rectified;
}

// @param coarse  undefined in the coarsest.
at::Tensor fuse(const DenseHead::Fusion& fusion, const at::Tensor& coarse, const at::Tensor& fine, std::int64_t height,
                std::int64_t width) {
  const at::Tensor sum = coarse.defined() ? coarse + run_unit(fusion.skip, fine) : fine;
  return conv(fusion.out, resized(run_unit(fusion.unit, sum), height, width));
}

}  // namespace

DenseHead declare_dense_head(const Scope& scope, const VggtConfig& config, std::int64_t channels) {
  const auto& widths = config.out_channels;
  const std::int64_t features = config.features;
  DenseHead head;
  head.norm = nn::declare_layer_norm(scope / "norm", 2 * config.embed);
  for (std::size_t i = 0; i < 4; ++i) {
    head.projects[i] = declare_conv(scope / "projects" / static_cast<std::int64_t>(i), 2 * config.embed, widths[i], 1);
  }
  head.grow4 = declare_transposed(scope / "resize_layers" / 0, widths[0], 4);
  head.grow2 = declare_transposed(scope / "resize_layers" / 1, widths[1], 2);
  head.shrink = declare_conv(scope / "resize_layers" / 3, widths[3], widths[3], 3);
  const Scope scratch = scope / "scratch";
  for (std::size_t i = 0; i < 4; ++i) {
    const std::string number = std::to_string(i + 1);
    head.reassemble[i] =
        (scratch / ("layer" + number + "_rn")).parameter("weight", {features, widths[i], 3, 3}, Init::kaiming);
    const Scope fusion = scratch / ("refinenet" + number);
    head.fusion[i].out = declare_conv(fusion / "out_conv", features, features, 1);
    if (i < 3) head.fusion[i].skip = declare_unit(fusion / "resConfUnit1", features);
    head.fusion[i].unit = declare_unit(fusion / "resConfUnit2", features);
  }
  head.narrow = declare_conv(scratch / "output_conv1", features, features / 2, 3);
  head.hidden = declare_conv(scratch / "output_conv2" / 0, features / 2, hidden_channels, 3);
  head.out = declare_conv(scratch / "output_conv2" / 2, hidden_channels, channels, 1);
  return head;
}

at::Tensor run_dense_head(const DenseHead& head, const VggtConfig& config, const std::array<at::Tensor, 4>& taps,
                          std::int64_t height, std::int64_t width) {
  const double aspect = static_cast<double>(width) / static_cast<double>(height);
  std::array<at::Tensor, 4> maps;
  for (std::size_t i = 0; i < 4; ++i) {
    const at::Tensor normed = norm(taps[i], eps, head.norm);
    const at::Tensor grid = normed.transpose(1, 2).unflatten(2, {height / config.patch, width / config.patch});
    maps[i] = with_positions(conv(head.projects[i], grid), aspect);
  }
  maps[0] = at::conv_transpose2d(maps[0], head.grow4.weight, head.grow4.bias, /*stride=*/4);
  maps[1] = at::conv_transpose2d(maps[1], head.grow2.weight, head.grow2.bias, /*stride=*/2);
  maps[3] = conv(head.shrink, maps[3], /*stride=*/2);
  for (std::size_t i = 0; i < 4; ++i) {
    maps[i] = at::conv2d(maps[i], head.reassemble[i], {}, /*stride=*/1, /*padding=*/1);
  }
  at::Tensor fused;
  for (std::size_t i = 4; i-- > 0;) {
    const bool finest = i == 0;
    fused = fuse(head.fusion[i], fused, maps[i], finest ? 2 * maps[0].size(2) : maps[i - 1].size(2),
                 finest ? 2 * maps[0].size(3) : maps[i - 1].size(3));
  }
  const at::Tensor full = with_positions(resized(conv(head.narrow, fused), height, width), aspect);
  return conv(head.out, conv(head.hidden, full).relu());
}

}  // namespace action_images::vggt
