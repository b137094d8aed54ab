// SPDX-License-Identifier: Apache-2.0
#include <action_images/vggt/pose_encoding.hpp>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>

namespace action_images {

namespace {

constexpr double smallest_field_of_view = 1e-6;  // [rad]

void check_size(std::string_view where, std::int64_t height, std::int64_t width) {
  check(height > 0, where, "height", "a positive number", height);
  check(width > 0, where, "width", "a positive number", width);
}

bool ends_with(const at::Tensor& tensor, at::IntArrayRef shape) {
  const auto axes = static_cast<std::int64_t>(shape.size());
  return tensor.dim() >= axes && tensor.sizes().slice(static_cast<std::size_t>(tensor.dim() - axes)) == shape;
}

// (..., 4) x y z w of any length -> (..., 3, 3).
at::Tensor rotation_from_quaternion(const at::Tensor& quaternion) {
  const auto q = quaternion.unbind(-1);
  const at::Tensor two = 2.0 / quaternion.square().sum(-1);
  const auto minus = [&](const at::Tensor& a, const at::Tensor& b) { return 1.0 - two * (a * a + b * b); };
  const auto entry = [&](const at::Tensor& product, const at::Tensor& turned) { return two * (product + turned); };
  const at::Tensor &x = q[0], &y = q[1], &z = q[2], &w = q[3];
  return at::stack({minus(y, z), entry(x * y, -z * w), entry(x * z, y * w),    //
                    entry(x * y, z * w), minus(x, z), entry(y * z, -x * w),    //
                    entry(x * z, -y * w), entry(y * z, x * w), minus(x, y)},
                   -1)
      .unflatten(-1, {3, 3});
}

// (..., 3, 3) -> (..., 4) x y z w with w >= 0. Of the four ways to write it, the one with the largest divisor.
at::Tensor quaternion_from_rotation(const at::Tensor& rotation) {
  const auto m = [&](int row, int column) { return rotation.select(-2, row).select(-1, column); };
  const at::Tensor xx = 1.0 + m(0, 0) - m(1, 1) - m(2, 2), yy = 1.0 - m(0, 0) + m(1, 1) - m(2, 2);
  const at::Tensor zz = 1.0 - m(0, 0) - m(1, 1) + m(2, 2), ww = 1.0 + m(0, 0) + m(1, 1) + m(2, 2);
  const at::Tensor xy = m(1, 0) + m(0, 1), xz = m(0, 2) + m(2, 0), yz = m(1, 2) + m(2, 1);
  const at::Tensor xw = m(2, 1) - m(1, 2), yw = m(0, 2) - m(2, 0), zw = m(1, 0) - m(0, 1);
  // 4 q q^T: each row is q up to its length.
  const at::Tensor products = at::stack({at::stack({xx, xy, xz, xw}, -1), at::stack({xy, yy, yz, yw}, -1),
                                         at::stack({xz, yz, zz, zw}, -1), at::stack({xw, yw, zw, ww}, -1)},
                                        -2);
  const at::Tensor best = at::stack({xx, yy, zz, ww}, -1).argmax(-1);
  const at::Tensor row = at::take_along_dim(products, best.unsqueeze(-1).unsqueeze(-1), -2).squeeze(-2);
  const at::Tensor unit = row / row.norm(2, {-1}, /*keepdim=*/true);
  return at::where(unit.narrow(-1, 3, 1) < 0, -unit, unit);
}

}  // namespace

VggtCameras cameras_from_pose_encoding(const at::Tensor& pose_encoding, std::int64_t height, std::int64_t width) {
  constexpr auto where = "vggt::cameras_from_pose_encoding";
  check_size(where, height, width);
  check_shape(ends_with(pose_encoding, {9}), where, "pose_encoding", "(..., 9)", pose_encoding.sizes());
  const at::Tensor rotation = rotation_from_quaternion(pose_encoding.narrow(-1, 3, 4));
  const at::Tensor translation = pose_encoding.narrow(-1, 0, 3).unsqueeze(-1);
  const at::Tensor half = pose_encoding.narrow(-1, 7, 2).clamp_min(smallest_field_of_view) / 2.0;  // vertical, horizontal
  const auto lengths = at::tan(half).unbind(-1);
  const at::Tensor fy = static_cast<double>(height) / 2.0 / lengths[0];
  const at::Tensor fx = static_cast<double>(width) / 2.0 / lengths[1];
  const at::Tensor zero = at::zeros_like(fx), one = at::ones_like(fx);
  const at::Tensor cx = one * (static_cast<double>(width) / 2.0), cy = one * (static_cast<double>(height) / 2.0);
  const at::Tensor intrinsics = at::stack({fx, zero, cx, zero, fy, cy, zero, zero, one}, -1).unflatten(-1, {3, 3});
  return {at::cat({rotation, translation}, -1), intrinsics};
}

at::Tensor pose_encoding_from_cameras(const VggtCameras& cameras, std::int64_t height, std::int64_t width) {
  constexpr auto where = "vggt::pose_encoding_from_cameras";
  check_size(where, height, width);
  check_shape(ends_with(cameras.extrinsics, {3, 4}), where, "extrinsics", "(..., 3, 4)", cameras.extrinsics.sizes());
  check_shape(ends_with(cameras.intrinsics, {3, 3}), where, "intrinsics", "(..., 3, 3)", cameras.intrinsics.sizes());
  const auto focal = [&](int axis) { return cameras.intrinsics.select(-2, axis).select(-1, axis); };
  const at::Tensor vertical = 2.0 * at::atan(static_cast<double>(height) / 2.0 / focal(1));
  const at::Tensor horizontal = 2.0 * at::atan(static_cast<double>(width) / 2.0 / focal(0));
  return at::cat({cameras.extrinsics.select(-1, 3), quaternion_from_rotation(cameras.extrinsics.narrow(-1, 0, 3)),
                  at::stack({vertical, horizontal}, -1)},
                 -1);
}

at::Tensor points_from_depth(const at::Tensor& depth, const VggtCameras& cameras, double pixel_offset) {
  constexpr auto where = "vggt::points_from_depth";
  check_shape(depth.dim() >= 2, where, "depth", "(..., H, W)", depth.sizes());
  const auto leading = depth.sizes().slice(0, static_cast<std::size_t>(depth.dim() - 2));
  const auto like = [&](at::IntArrayRef last) {
    std::vector<std::int64_t> shape = leading.vec();
    shape.insert(shape.end(), last.begin(), last.end());
    return shape;
  };
  check_shape(cameras.extrinsics.sizes() == at::IntArrayRef(like({3, 4})), where, "extrinsics", shape_text(like({3, 4})),
              cameras.extrinsics.sizes());
  check_shape(cameras.intrinsics.sizes() == at::IntArrayRef(like({3, 3})), where, "intrinsics", shape_text(like({3, 3})),
              cameras.intrinsics.sizes());
  const std::int64_t height = depth.size(-2), width = depth.size(-1);
  const at::Tensor columns = at::arange(width, depth.options()) + pixel_offset;
  const at::Tensor rows = at::arange(height, depth.options()) + pixel_offset;
  const at::Tensor ones = at::ones({height, width}, depth.options());
  const at::Tensor pixels = at::stack({columns.expand({height, width}), rows.unsqueeze(1).expand({height, width}), ones}, 0)
                                .flatten(1);  // (3, H W)
  const at::Tensor rays = at::matmul(at::linalg_inv(cameras.intrinsics), pixels);
  const at::Tensor in_camera = rays * depth.flatten(-2).unsqueeze(-2);
  const at::Tensor moved = in_camera - cameras.extrinsics.narrow(-1, 3, 1);
  const at::Tensor in_world = at::matmul(cameras.extrinsics.narrow(-1, 0, 3).transpose(-1, -2), moved);
  return in_world.transpose(-1, -2).unflatten(-2, {height, width});
}

}  // namespace action_images
