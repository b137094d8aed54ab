// SPDX-License-Identifier: Apache-2.0
#include <action_images/tensor/codec.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <action_images/codec/confidence.hpp>
#include <action_images/core/check.hpp>

#include "codec_fuse.hpp"
#include "codec_peaks.hpp"

namespace action_images {

namespace {

using detail::FusedPoints;
using detail::Sightings;

constexpr std::string_view where = "tensor::decode_tensor";
constexpr std::int64_t most_tensor_views = 16;
constexpr std::int64_t background_samples = 64;  // per axis of a picture

void check_options(const TensorRig& rig, const TensorDecodeOptions& options) {
  const bool located = options.depth.has_value() || options.plane.has_value();
  check(rig.views() <= most_tensor_views, where, "rig", text_of("at most ", most_tensor_views, " views"), rig.views());
  check(rig.views() > 1 || located, where, "rig", "at least two views, or one view and a depth or a plane",
        "one view and neither");
  const double depth = options.depth.value_or(1.0);
  check(std::isfinite(depth) && depth > 0.0, where, "depth", "a positive distance in metres", depth);
  if (!options.plane) return;
  const auto& [a, b, c, d] = *options.plane;
  check(std::isfinite(a + b + c + d) && std::hypot(a, b, c) > 0.0, where, "plane",
        "four finite numbers with a normal not 0", text_of(a, ", ", b, ", ", c, ", ", d));
}

void check_images(const at::Tensor& images, const TensorRig& rig) {
  check_shape(images.dim() >= 5, where, "images", "(..., V, T, H, W, 3)", images.sizes());
  check_rig(rig, images.size(-4), images.device(), where);
  check_shape(images.size(-5) == rig.views() && images.size(-3) == rig.height && images.size(-2) == rig.width &&
                  images.size(-1) == 3,
              where, "images", text_of("(..., ", rig.views(), ", T, ", rig.height, ", ", rig.width, ", 3)"),
              images.sizes());
  check(images.scalar_type() == at::kByte || at::isFloatingType(images.scalar_type()), where, "images",
        "uint8 or floating point numbers", at::toString(images.scalar_type()));
}

/// Of the blue background of every frame, from some pixels of all its views. @param images (B, V, T, H, W, 3).
detail::BackgroundLevel read_background(const at::Tensor& images) {
  const auto stride = [](std::int64_t size) { return std::max<std::int64_t>(1, size / background_samples); };
  const at::Tensor blue = images.select(-1, 2)
                              .slice(3, 0, images.size(3), stride(images.size(3)))
                              .slice(4, 0, images.size(4), stride(images.size(4)));
  return detail::background_level_of(detail::responses_of(blue.permute({0, 2, 1, 3, 4}).flatten(2)));
}

/// What the views show of every point. @param images (B, V, T, H, W, 3) contiguous.  @param background (B, T).
Sightings look(const at::Tensor& images, const at::Tensor& background, double sigma, const PixelLayout& layout) {
  const auto lead = images.sizes().slice(0, 3);
  const at::Tensor levels = background.nan_to_num(background_level).unsqueeze(1).expand(lead).reshape({-1});
  const auto peaks = detail::find_peaks(images.flatten(0, 2), levels, {images.size(3), images.size(4), sigma});
  std::array<std::int64_t, 3> channel_of_point{};
  for (std::int64_t channel = 0; channel < 3; ++channel) {
    channel_of_point[static_cast<std::size_t>(layout.point_of_channel[static_cast<std::size_t>(channel)])] = channel;
  }
  const auto by_point = [&](const at::Tensor& values) {
    std::vector<at::Tensor> points;
    for (const std::int64_t channel : channel_of_point) points.push_back(values.select(1, channel));
    return at::stack(points, 1).unflatten(0, lead);
  };
  return {by_point(peaks.index) + layout.pixel_offset, by_point(peaks.covariance), by_point(peaks.sigma),
          by_point(peaks.score), by_point(peaks.found)};
}

at::Tensor squared(const at::Tensor& value) { return value * value; }

/// Rotations whose x and -z axes are nearest to the directions of the up and normal points, and how well those fit.
struct FittedRotations {
  at::Tensor rotation;  // (..., 3, 3)
  at::Tensor rigidity;  // (...), 0 where the points are no gripper
};

/// The optimum of Wahba's problem for two directions lies in their plane; see rotation_from_points.
/// @param variances  (..., 3) by point.
FittedRotations fit_rotations(const at::Tensor& points, double axis_length, const at::Tensor& variances) {
  const at::Tensor position = points.select(-2, position_point);
  const at::Tensor up = points.select(-2, up_point) - position;
  const at::Tensor back = position - points.select(-2, normal_point);
  const at::Tensor up_length = at::linalg_vector_norm(up, 2, {-1}), back_length = at::linalg_vector_norm(back, 2, {-1});
  const at::Tensor x = up / up_length.unsqueeze(-1), z = back / back_length.unsqueeze(-1);
  const at::Tensor cosine = (x * z).sum(-1);
  const auto variance = variances.unbind(-1);
  const at::Tensor x_variance = (variance[up_point] + variance[position_point]) / squared(up_length);
  const at::Tensor z_variance = (variance[normal_point] + variance[position_point]) / squared(back_length);
  const at::Tensor y = at::linalg_cross(z, x);
  const at::Tensor second = y / at::linalg_vector_norm(y, 2, {-1}, true);
  const at::Tensor x_weight = (z_variance / (x_variance + z_variance)).unsqueeze(-1);
  const at::Tensor between = x_weight * x + (1.0 - x_weight) * at::linalg_cross(second, z);
  const at::Tensor first = between / at::linalg_vector_norm(between, 2, {-1}, true);
  const at::Tensor misfit =
      squared((up_length / axis_length).log2()) + squared((back_length / axis_length).log2()) + squared(cosine);
  const at::Tensor fits = (at::minimum(up_length, back_length) > 0.25 * axis_length) &
                          (at::maximum(up_length, back_length) < 4.0 * axis_length) & (cosine.abs() <= 0.95);
  return {at::stack({first, second, at::linalg_cross(first, second)}, -1),
          at::where(fits, (-4.0 * misfit).exp(), at::zeros_like(misfit))};
}

/// As euler_from_rotation. @return (..., 3).
at::Tensor euler_of(const at::Tensor& rotation) {
  const auto at_place = [&](std::int64_t i, std::int64_t j) { return rotation.select(-2, i).select(-1, j); };
  const at::Tensor cosine = at::hypot(at_place(2, 1), at_place(2, 2));
  const at::Tensor locked = cosine < 1e-9;
  const at::Tensor ex =
      at::where(locked, at::atan2(-at_place(1, 2), at_place(1, 1)), at::atan2(at_place(2, 1), at_place(2, 2)));
  const at::Tensor ez = at::atan2(at_place(1, 0), at_place(0, 0));
  return at::stack({ex, at::atan2(-at_place(2, 0), cosine), at::where(locked, at::zeros_like(ez), ez)}, -1);
}

/// As calibrated_confidence.
at::Tensor calibrated(const at::Tensor& quality) {
  const at::Tensor odds =
      std::exp(confidence_offset) * (quality.clamp_min(0.0) / (1.0 - quality).clamp_min(1e-12)).pow(confidence_slope);
  return at::where(quality > 0.0, (odds / (1.0 + odds)).clamp_max(1.0), at::zeros_like(quality));
}

at::Tensor or_nan(const at::Tensor& condition, const at::Tensor& values) {
  return at::where(condition, values, at::full({}, std::numeric_limits<double>::quiet_NaN(), values.options()));
}

/// Openness of every frame and the confidence of it.
struct Openness {
  at::Tensor value, confidence;
};

Openness openness_of(const detail::BackgroundLevel& level, const PixelLayout& layout) {
  const at::Tensor value = (level.mean / background_level).clamp(0.0, 1.0);
  return {layout.binary_openness ? value.round() : value, (2.0 * level.share).clamp_max(1.0)};
}

/// The actions that the points of all frames stand for, axes (B, T, ...).
TensorDecoded act(const FusedPoints& fused, const Openness& openness, const TensorDecodeOptions& options) {
  TensorDecoded decoded;
  const at::Tensor variances = at::diagonal(fused.covariance, 0, -2, -1).sum(-1);
  const FittedRotations fitted = fit_rotations(fused.points, options.axis_length, variances);
  const at::Tensor complete = fused.found.all(-1);
  const at::Tensor quality = openness.confidence * fused.confidence.amin(-1) * fitted.rigidity;
  const at::Tensor confidence = calibrated(at::where(complete, quality, at::zeros_like(quality)));
  decoded.valid = confidence >= options.min_confidence;
  decoded.confidence = at::where(decoded.valid, confidence, at::zeros_like(confidence));
  const at::Tensor valid = decoded.valid.unsqueeze(-1);
  const at::Tensor blue = or_nan(decoded.valid | (openness.confidence >= 1.0), openness.value).unsqueeze(-1);
  decoded.actions = at::cat(
      {or_nan(valid, fused.points.select(-2, position_point)), or_nan(valid, euler_of(fitted.rotation)), blue}, -1);
  const at::Tensor found = fused.found.unsqueeze(-1);
  decoded.points = or_nan(found, fused.points);
  decoded.covariance = or_nan(found.unsqueeze(-1), 1e6 * fused.covariance);
  decoded.point_confidence = at::where(fused.found, fused.confidence, at::zeros_like(fused.confidence));
  return decoded;
}

/// Adds what each view saw, by (B, T, 3, V).
void add_views(const Sightings& seen, const FusedPoints& fused, TensorDecoded& decoded) {
  const auto last = [](const at::Tensor& values) { return values.movedim(1, 3); };
  const at::Tensor found = fused.found.unsqueeze(1);
  decoded.used = last(fused.used & found);
  decoded.reprojection_error = last(or_nan(seen.found & found, fused.error));
  decoded.pixels = last(or_nan(seen.found.unsqueeze(-1), seen.pixels));
  decoded.sigma = last(or_nan(seen.found, seen.sigma));
}

/// Gives back the leading axes that the images had, and a dtype.
void shape_like(const at::Tensor& images, TensorDecoded& decoded) {
  const auto lead = images.sizes().slice(0, static_cast<std::size_t>(images.dim() - 5));
  const auto dtype = images.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  for (at::Tensor* part :
       {&decoded.actions, &decoded.points, &decoded.covariance, &decoded.point_confidence, &decoded.confidence,
        &decoded.reprojection_error, &decoded.pixels, &decoded.sigma, &decoded.used, &decoded.valid}) {
    std::vector<std::int64_t> sizes(lead.begin(), lead.end());
    sizes.insert(sizes.end(), part->sizes().begin() + 1, part->sizes().end());
    *part = part->reshape(sizes);
    if (part->scalar_type() != at::kBool) *part = part->to(dtype);
  }
}

}  // namespace

TensorDecoded decode_tensor(const at::Tensor& images, const TensorRig& rig, const TensorDecodeOptions& options) {
  check_images(images, rig);
  check_options(rig, options);
  const double sigma = options.sigma.value_or(0.05 * static_cast<double>(std::min(rig.height, rig.width)));
  check_drawing(sigma, options.axis_length, where);
  const at::NoGradGuard no_gradients;
  const PixelLayout layout = layout_of(options.convention);
  std::vector<std::int64_t> sizes(images.sizes().end() - 5, images.sizes().end());
  std::int64_t batch = 1;
  for (std::int64_t axis = 0; axis + 5 < images.dim(); ++axis) batch *= images.size(axis);
  sizes.insert(sizes.begin(), batch);
  const at::Tensor clips = images.reshape(sizes).contiguous();
  check_shape(clips.numel() > 0, where, "images", "at least one frame", images.sizes());
  const auto level = read_background(clips);
  const Sightings seen = look(clips, level.mean, sigma, layout);
  const auto prepared = detail::prepare(rig);
  const FusedPoints fused = rig.views() == 1 ? detail::locate(seen, prepared, options)
                                             : detail::fuse(seen, prepared, {sigma, options.axis_length});
  TensorDecoded decoded = act(fused, openness_of(level, layout), options);
  add_views(seen, fused, decoded);
  shape_like(images, decoded);
  return decoded;
}

}  // namespace action_images
