// SPDX-License-Identifier: Apache-2.0
#include <action_images/nn/rotary.hpp>

#include <cmath>
#include <complex>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>

namespace action_images::nn {

namespace {

using Rotation = c10::complex<float>;

// Rotations of one position by all frequencies of an axis, appended at `out`.
Rotation* append_rotations(Rotation* out, std::int64_t position, std::int64_t frequencies, double theta) {
  for (std::int64_t i = 0; i < frequencies; ++i) {
    const double frequency = std::pow(theta, -static_cast<double>(i) / static_cast<double>(frequencies));
    const double angle = static_cast<double>(position) * frequency;
    *out++ = Rotation(static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle)));
  }
  return out;
}

// (positions, frequencies) complex64.
at::Tensor axis_table(const std::vector<std::int64_t>& positions, std::int64_t frequencies, double theta) {
  at::Tensor table = at::empty({static_cast<std::int64_t>(positions.size()), frequencies}, at::kComplexFloat);
  auto* out = table.data_ptr<Rotation>();
  for (const std::int64_t position : positions) out = append_rotations(out, position, frequencies, theta);
  return table;
}

std::vector<std::int64_t> indices(std::int64_t count) {
  std::vector<std::int64_t> positions(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) positions[static_cast<std::size_t>(i)] = i;
  return positions;
}

}  // namespace

at::Tensor rotary_table(const RotaryGrid& grid, std::int64_t head_dim, double theta) {
  check(head_dim > 0 && head_dim % 2 == 0, "nn::rotary_table", "head_dim", "a positive even number", head_dim);
  check(std::isfinite(theta) && theta > 0.0, "nn::rotary_table", "theta", "a positive number", theta);
  const auto frames = static_cast<std::int64_t>(grid.time.size());
  const std::int64_t spatial = head_dim / 6;
  const std::int64_t temporal = head_dim / 2 - 2 * spatial;
  const auto spread = [&](const at::Tensor& table, at::IntArrayRef view) {
    return table.view(view).expand({frames, grid.height, grid.width, table.size(1)});
  };
  const at::Tensor table =
      at::cat({spread(axis_table(grid.time, temporal, theta), {frames, 1, 1, temporal}),
               spread(axis_table(indices(grid.height), spatial, theta), {1, grid.height, 1, spatial}),
               spread(axis_table(indices(grid.width), spatial, theta), {1, 1, grid.width, spatial})},
              -1);
  return table.view({frames * grid.height * grid.width, head_dim / 2});
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& table) {
  const std::int64_t tokens = table.size(-2), pairs = table.size(-1);
  check_shape(
      x.dim() == 4 && x.size(1) == tokens && x.size(3) == 2 * pairs && (table.dim() == 2 || table.size(0) == x.size(0)),
      "nn::rotate", "x", text_of("(B, ", tokens, ", heads, ", 2 * pairs, ')'), x.sizes());
  const at::Tensor complex = at::view_as_complex(x.to(at::kFloat).unflatten(-1, {pairs, 2}));
  return at::view_as_real(complex * table.unsqueeze(-2)).flatten(-2).to(x.scalar_type());
}

}  // namespace action_images::nn
