// SPDX-License-Identifier: Apache-2.0
#include <action_images/tensor/cameras.hpp>

#include <limits>
#include <utility>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>

namespace action_images {

namespace {

constexpr double nearest = 1e-9;  // depth of points in front of a camera [m], as Camera has it

at::Tensor matrices(const Rig& rig, std::int64_t size, const auto& matrix_of) {
  const auto views = static_cast<std::int64_t>(rig.size());
  const auto frames = static_cast<std::int64_t>(rig.frames());
  at::Tensor result = at::empty({views, frames, size, size}, at::kDouble);
  double* data = result.data_ptr<double>();
  for (const Camera& camera : rig) {
    Eigen::Map<Eigen::Matrix<double, -1, -1, Eigen::RowMajor>>(data, size, size) = matrix_of(camera);
    data += size * size;
  }
  return frames == 1 ? result.squeeze(1) : result;
}

bool has_lenses(const Rig& rig) {
  bool any = false;
  for (const Camera& camera : rig) any = any || !camera.distortion().is_none();
  return any;
}

void check_part(const at::Tensor& part, at::IntArrayRef ends, const TensorRig& rig, std::string_view name,
                std::string_view where) {
  const auto axes = rig.intrinsics.dim() - 2;
  std::vector<std::int64_t> expected(rig.intrinsics.sizes().begin(), rig.intrinsics.sizes().begin() + axes);
  expected.insert(expected.end(), ends.begin(), ends.end());
  check_shape(part.sizes() == at::IntArrayRef(expected), where, name, shape_text(expected), part.sizes());
  check(part.device() == rig.intrinsics.device(), where, name, rig.intrinsics.device().str(), part.device().str());
}

}  // namespace

TensorRig::TensorRig(at::Tensor intrinsics, at::Tensor world_from_camera, std::int64_t height, std::int64_t width,
                     at::Tensor distortion, at::Tensor fisheye)
    : intrinsics(std::move(intrinsics)),
      world_from_camera(std::move(world_from_camera)),
      height(height),
      width(width),
      distortion(std::move(distortion)),
      fisheye(std::move(fisheye)) {}

TensorRig::TensorRig(const Rig& rig, c10::Device device) : height(rig.height()), width(rig.width()) {
  intrinsics = matrices(rig, 3, [](const Camera& camera) { return camera.intrinsics(); }).to(device);
  world_from_camera =
      matrices(rig, 4, [](const Camera& camera) { return camera.world_from_camera().matrix(); }).to(device);
  if (!has_lenses(rig)) return;
  const auto lead = intrinsics.sizes().slice(0, static_cast<std::size_t>(intrinsics.dim() - 2));
  at::Tensor lenses = at::zeros({static_cast<std::int64_t>(rig.size() * rig.frames()), 8}, at::kDouble);
  at::Tensor kinds = at::zeros({lenses.size(0)}, at::kBool);
  std::int64_t row = 0;
  for (const Camera& camera : rig) {
    const auto& k = camera.distortion().coefficients();
    std::copy(k.begin(), k.end(), lenses.data_ptr<double>() + 8 * row);
    kinds.data_ptr<bool>()[row++] = camera.distortion().model() == LensModel::fisheye;
  }
  std::vector<std::int64_t> sizes(lead.begin(), lead.end());
  fisheye = kinds.view(sizes).to(device);
  sizes.push_back(8);
  distortion = lenses.view(sizes).to(device);
}

void check_rig(const TensorRig& rig, std::int64_t frames, c10::Device device, std::string_view where) {
  const at::Tensor& intrinsics = rig.intrinsics;
  check_shape(intrinsics.defined() && (intrinsics.dim() == 3 || intrinsics.dim() == 4) && intrinsics.size(0) >= 1 &&
                  intrinsics.size(-1) == 3 && intrinsics.size(-2) == 3,
              where, "intrinsics", "(V, 3, 3) or (V, T, 3, 3)",
              intrinsics.defined() ? intrinsics.sizes() : at::IntArrayRef{});
  check(intrinsics.device() == device, where, "intrinsics", text_of("a tensor on ", device.str()),
        intrinsics.device().str());
  check_shape(rig.frames() == 1 || rig.frames() == frames, where, "rig",
              text_of("cameras that stand still, or those of ", frames, " frames"), intrinsics.sizes());
  check(rig.world_from_camera.defined(), where, "world_from_camera", "a tensor", "none");
  check_part(rig.world_from_camera, {4, 4}, rig, "world_from_camera", where);
  check(at::isFloatingType(intrinsics.scalar_type()) && at::isFloatingType(rig.world_from_camera.scalar_type()), where,
        "intrinsics, world_from_camera", "floating point numbers", at::toString(intrinsics.scalar_type()));
  if (rig.distortion.defined()) check_part(rig.distortion, {8}, rig, "distortion", where);
  if (rig.fisheye.defined()) {
    check(rig.distortion.defined() && rig.fisheye.scalar_type() == at::kBool, where, "fisheye",
          "bool, beside a distortion", at::toString(rig.fisheye.scalar_type()));
    check_part(rig.fisheye, {}, rig, "fisheye", where);
  }
  for (const std::int64_t size : {rig.height, rig.width}) {
    check(1 <= size && size <= Camera::max_size, where, "height, width", "1..16384 px",
          text_of(rig.height, ", ", rig.width));
  }
}

namespace detail {

at::Tensor apply(const at::Tensor& matrix, const at::Tensor& vector) {
  return (matrix * vector.unsqueeze(-2)).sum(-1);  // exact in its dtype, and the same on every device
}

at::Tensor determinant_3x3(const at::Tensor& m) {
  return (m.select(-2, 0) * at::linalg_cross(m.select(-2, 1), m.select(-2, 2))).sum(-1);
}

at::Tensor inverse_3x3(const at::Tensor& m) {
  const at::Tensor first = at::linalg_cross(m.select(-2, 1), m.select(-2, 2));
  const at::Tensor second = at::linalg_cross(m.select(-2, 2), m.select(-2, 0));
  const at::Tensor third = at::linalg_cross(m.select(-2, 0), m.select(-2, 1));
  const at::Tensor determinant = (m.select(-2, 0) * first).sum(-1, true).unsqueeze(-1);
  return at::stack({first, second, third}, -1) / determinant;
}

PreparedRig prepare(const TensorRig& rig) {
  const bool moving = rig.intrinsics.dim() == 4;
  const auto ready = [&](const at::Tensor& tensor) {
    const at::Tensor numbers = tensor.scalar_type() == at::kBool ? tensor : tensor.to(at::kDouble);
    return moving ? numbers : numbers.unsqueeze(1);
  };
  PreparedRig result;
  result.intrinsics = ready(rig.intrinsics);
  result.inverse_intrinsics = inverse_3x3(result.intrinsics);
  const at::Tensor pose = ready(rig.world_from_camera);
  result.world_from_camera = pose.narrow(-2, 0, 3).narrow(-1, 0, 3);
  result.camera_from_world = inverse_3x3(result.world_from_camera);
  result.center = pose.narrow(-2, 0, 3).select(-1, 3);
  if (rig.distortion.defined()) result.distortion = ready(rig.distortion);
  if (rig.fisheye.defined()) result.fisheye = ready(rig.fisheye);
  return result;
}

namespace {

/// Where a lens moves points of the plane z = 1; as Distortion::Moved.
struct Moved {
  at::Tensor point;       // (..., 2)
  at::Tensor derivative;  // (..., 2, 2)
  at::Tensor one_to_one;  // (...) bool
};

at::Tensor matrix_2x2(const at::Tensor& a, const at::Tensor& b, const at::Tensor& c, const at::Tensor& d) {
  return at::stack({at::stack({a, b}, -1), at::stack({c, d}, -1)}, -2);
}

Moved brown_conrady(const at::Tensor& point, const at::Tensor& coefficients) {
  const auto k = coefficients.unbind(-1);  // k1 k2 p1 p2 k3 k4 k5 k6
  const at::Tensor x = point.select(-1, 0), y = point.select(-1, 1);
  const at::Tensor r2 = x * x + y * y;
  const at::Tensor below = 1.0 + r2 * (k[5] + r2 * (k[6] + r2 * k[7]));
  const at::Tensor divisor = at::where(below > 0.0, below, at::ones_like(below));
  const at::Tensor radial = (1.0 + r2 * (k[0] + r2 * (k[1] + r2 * k[4]))) / divisor;
  const at::Tensor slope =
      ((k[0] + r2 * (2.0 * k[1] + 3.0 * k[4] * r2)) - radial * (k[5] + r2 * (2.0 * k[6] + 3.0 * k[7] * r2))) /
      divisor;  // by r^2
  const at::Tensor u = x * radial + 2.0 * k[2] * x * y + k[3] * (r2 + 2.0 * x * x);
  const at::Tensor v = y * radial + k[2] * (r2 + 2.0 * y * y) + 2.0 * k[3] * x * y;
  const at::Tensor across = 2.0 * x * y * slope + 2.0 * k[2] * x + 2.0 * k[3] * y;
  const at::Tensor along_x = radial + 2.0 * x * x * slope + 2.0 * k[2] * y + 6.0 * k[3] * x;
  const at::Tensor along_y = radial + 2.0 * y * y * slope + 6.0 * k[2] * y + 2.0 * k[3] * x;
  return {at::stack({u, v}, -1), matrix_2x2(along_x, across, across, along_y),
          (below > 0.0) & (radial > 0.0) & (radial + 2.0 * r2 * slope > 0.0)};
}

Moved fisheye(const at::Tensor& point, const at::Tensor& coefficients) {
  const auto k = coefficients.unbind(-1);
  const at::Tensor r2 = point.square().sum(-1);
  const at::Tensor inside = r2 > 1e-16;  // at the centre the lens moves nothing
  const at::Tensor r = at::where(inside, r2, at::ones_like(r2)).sqrt();
  const at::Tensor theta = r.atan();
  const at::Tensor t2 = theta * theta;
  const at::Tensor angle = theta * (1.0 + t2 * (k[0] + t2 * (k[1] + t2 * (k[2] + t2 * k[3]))));
  const at::Tensor slope =
      (1.0 + t2 * (3.0 * k[0] + t2 * (5.0 * k[1] + t2 * (7.0 * k[2] + t2 * 9.0 * k[3])))) / (1.0 + r * r);
  const at::Tensor ones = at::ones_like(r);
  const at::Tensor scale = at::where(inside, angle / r, ones).unsqueeze(-1);
  const at::Tensor along = point / r.unsqueeze(-1);
  const at::Tensor outer = along.unsqueeze(-1) * along.unsqueeze(-2);
  const at::Tensor eye = at::eye(2, point.options());
  const at::Tensor stretch = at::where(inside, slope - angle / r, ones * 0.0).unsqueeze(-1).unsqueeze(-1);
  return {point * scale, stretch * outer + scale.unsqueeze(-1) * eye, ~inside | ((angle > 0.0) & (slope > 0.0))};
}

/// @param point  (..., V, T, N, 2).
Moved distort(const PreparedRig& rig, const at::Tensor& point) {
  const at::Tensor coefficients = rig.distortion.unsqueeze(-2);
  Moved moved = brown_conrady(point, coefficients);
  if (rig.fisheye.defined()) {
    const Moved wide = fisheye(point, coefficients);
    const at::Tensor is_wide = rig.fisheye.unsqueeze(-1);
    moved.point = at::where(is_wide.unsqueeze(-1), wide.point, moved.point);
    moved.derivative = at::where(is_wide.unsqueeze(-1).unsqueeze(-1), wide.derivative, moved.derivative);
    moved.one_to_one = at::where(is_wide, wide.one_to_one, moved.one_to_one);
  }
  const at::Tensor& d = moved.derivative;
  const at::Tensor area = d.select(-1, 0).select(-1, 0) * d.select(-1, 1).select(-1, 1) -
                          d.select(-1, 0).select(-1, 1) * d.select(-1, 1).select(-1, 0);
  moved.one_to_one = moved.one_to_one & (area > 1e-9);
  return moved;
}

at::Tensor first_guess(const PreparedRig& rig, const at::Tensor& shown) {
  if (!rig.fisheye.defined()) return shown;
  const at::Tensor length = at::linalg_vector_norm(shown, 2, {-1}, true).clamp_min(1e-8);
  const at::Tensor wide = shown * (length.clamp_max(1.5).tan() / length);
  return at::where(rig.fisheye.unsqueeze(-1).unsqueeze(-1), wide, shown);
}

/// Newton's method for all points at once; as Distortion::remove. NaN where the lens shows nothing.
at::Tensor undistort(const PreparedRig& rig, const at::Tensor& shown) {
  constexpr int steps = 20;
  at::Tensor point = first_guess(rig, shown);
  for (int step = 0; step < steps; ++step) {
    const Moved moved = distort(rig, point);
    const at::Tensor error = shown - moved.point;
    const auto columns = moved.derivative.unbind(-1);
    const auto a = columns[0].unbind(-1), b = columns[1].unbind(-1), e = error.unbind(-1);
    const at::Tensor area = a[0] * b[1] - b[0] * a[1];
    const at::Tensor move = at::stack({b[1] * e[0] - b[0] * e[1], a[0] * e[1] - a[1] * e[0]}, -1) / area.unsqueeze(-1);
    point = at::where(moved.one_to_one.unsqueeze(-1), point + move, 0.5 * point);
  }
  const Moved moved = distort(rig, point);
  const at::Tensor error = at::linalg_vector_norm(shown - moved.point, 2, {-1});
  const at::Tensor found = moved.one_to_one & (error < 1e-9 * (1.0 + at::linalg_vector_norm(shown, 2, {-1})));
  return at::where(found.unsqueeze(-1), point, at::full_like(point, std::numeric_limits<double>::quiet_NaN()));
}

}  // namespace

TensorProjection project(const PreparedRig& rig, const at::Tensor& points, bool with_derivative) {
  const at::Tensor rotation = rig.camera_from_world.unsqueeze(-3);  // (V, F, 1, 3, 3)
  const at::Tensor in_camera = apply(rotation, points.unsqueeze(-4) - rig.center.unsqueeze(-2));
  const at::Tensor front = in_camera.select(-1, 2) > nearest;
  const at::Tensor z = at::where(front, in_camera.select(-1, 2), at::ones_like(in_camera.select(-1, 2))).unsqueeze(-1);
  const at::Tensor plane = in_camera.narrow(-1, 0, 2) / z;
  const at::Tensor intrinsics = rig.intrinsics.narrow(-2, 0, 2).unsqueeze(-3);  // (V, F, 1, 2, 3)
  Moved moved{plane, {}, front};
  if (rig.distortion.defined()) moved = distort(rig, plane);
  TensorProjection result;
  const at::Tensor linear = intrinsics.narrow(-1, 0, 2);
  result.seen = front & moved.one_to_one;
  result.pixels = apply(linear, moved.point) + intrinsics.select(-1, 2);
  if (!with_derivative) return result;
  const at::Tensor eye = at::eye(2, plane.options()).expand_as(plane.unsqueeze(-1) * plane.unsqueeze(-2));
  const at::Tensor hnormalized = at::cat({eye, -plane.unsqueeze(-1)}, -1) / z.unsqueeze(-1);
  const at::Tensor lens = moved.derivative.defined() ? at::matmul(linear, moved.derivative) : linear;
  result.derivative = at::matmul(at::matmul(lens, hnormalized), rotation);
  return result;
}

at::Tensor ray_directions(const PreparedRig& rig, const at::Tensor& pixels) {
  const at::Tensor homogeneous = at::cat({pixels, at::ones_like(pixels.narrow(-1, 0, 1))}, -1);
  at::Tensor in_camera = apply(rig.inverse_intrinsics.unsqueeze(-3), homogeneous);
  if (rig.distortion.defined()) {
    const at::Tensor plane = undistort(rig, in_camera.narrow(-1, 0, 2));
    in_camera = at::cat({plane, at::ones_like(plane.narrow(-1, 0, 1))}, -1);
  }
  const at::Tensor direction = apply(rig.world_from_camera.unsqueeze(-3), in_camera);
  return direction / at::linalg_vector_norm(direction, 2, {-1}, true);
}

}  // namespace detail

}  // namespace action_images
