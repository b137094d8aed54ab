// SPDX-License-Identifier: Apache-2.0
#include <action_images/tensor/codec.hpp>

#include <algorithm>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>

namespace action_images {

namespace {

constexpr std::string_view where = "tensor::encode_tensor";

void check_actions(const at::Tensor& actions) {
  check_shape(actions.dim() >= 2 && actions.size(-1) == 7, where, "actions", "(..., T, 7)", actions.sizes());
  const auto dtype = actions.scalar_type();
  check(dtype == at::kFloat || dtype == at::kDouble, where, "actions", "float32 or float64", at::toString(dtype));
}

/// By channel instead of by point. @param values (..., 3, 2).
at::Tensor by_channel(const at::Tensor& values, const PixelLayout& layout) {
  std::vector<at::Tensor> channels;
  for (const PointIndex point : layout.point_of_channel) channels.push_back(values.select(-2, point));
  return at::stack(channels, -1);  // (..., 2, 3)
}

/// Gaussians along one axis. @param centers (..., 3) index coordinates.  @return (..., size, 3).
at::Tensor profiles(const at::Tensor& centers, std::int64_t size, double sigma) {
  const at::Tensor index = at::arange(size, centers.options()).unsqueeze(-1);
  return (((index - centers.unsqueeze(-2)) / sigma).square() * -0.5).exp();
}

/// @param openness  (..., T).   @return (..., 1, T, 1, 1, 3).
at::Tensor background(const at::Tensor& openness, const PixelLayout& layout) {
  const at::Tensor blue =
      background_level * (layout.binary_openness ? (openness > 0.5).to(openness.scalar_type()) : openness);
  const at::Tensor dark = at::zeros_like(blue);
  return at::stack({dark, dark, blue}, -1).unsqueeze(-2).unsqueeze(-2).unsqueeze(-5);
}

}  // namespace

at::Tensor action_points(const at::Tensor& actions, double axis_length) {
  check_shape(actions.dim() >= 1 && actions.size(-1) == 7, "tensor::action_points", "actions", "(..., 7)",
              actions.sizes());
  const at::Tensor position = actions.narrow(-1, 0, 3);
  const auto cosine = actions.narrow(-1, 3, 3).cos().unbind(-1);
  const auto sine = actions.narrow(-1, 3, 3).sin().unbind(-1);
  const at::Tensor x = at::stack({cosine[2] * cosine[1], sine[2] * cosine[1], -sine[1]}, -1);
  const at::Tensor z = at::stack({cosine[2] * sine[1] * cosine[0] + sine[2] * sine[0],
                                  sine[2] * sine[1] * cosine[0] - cosine[2] * sine[0], cosine[1] * cosine[0]},
                                 -1);
  return at::stack({position, position - axis_length * z, position + axis_length * x}, -2);
}

at::Tensor encode_tensor(const at::Tensor& actions, const TensorRig& rig, const EncodeOptions& options) {
  check_actions(actions);
  check_rig(rig, actions.size(-2), actions.device(), where);
  const double sigma = options.sigma.value_or(0.05 * static_cast<double>(std::min(rig.height, rig.width)));
  check_drawing(sigma, options.axis_length, where);
  const PixelLayout layout = layout_of(options.convention);
  const at::Tensor precise = actions.to(at::kDouble);
  const auto projection = detail::project(detail::prepare(rig), action_points(precise, options.axis_length));
  const at::Tensor outside = at::full({}, -1e3 * sigma, precise.options());  // draws nothing, and has no gradient
  const at::Tensor centers =
      by_channel(at::where(projection.seen.unsqueeze(-1), projection.pixels - layout.pixel_offset, outside), layout);
  const auto dtype = actions.scalar_type();
  const at::Tensor along_x = profiles(centers.select(-2, 0), rig.width, sigma).to(dtype);
  const at::Tensor along_y = profiles(centers.select(-2, 1), rig.height, sigma).to(dtype);
  const at::Tensor heat = along_y.unsqueeze(-2) * along_x.unsqueeze(-3);
  const at::Tensor limit =
      at::cat({at::zeros({2}, along_x.options()), at::full({1}, background_level, along_x.options())});
  return at::where(heat > limit, heat, background(precise.select(-1, 6), layout).to(dtype));
}

}  // namespace action_images
