// SPDX-License-Identifier: Apache-2.0
#include "codec_fuse.hpp"

#include <cmath>
#include <limits>

#include <ATen/ATen.h>

namespace action_images::detail {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

at::Tensor trace_of(const at::Tensor& matrix) { return at::diagonal(matrix, 0, -2, -1).sum(-1); }

at::Tensor as_double(const at::Tensor& condition) { return condition.to(at::kDouble); }

at::Tensor inverse_2x2(const at::Tensor& m) {
  const at::Tensor a = m.select(-2, 0).select(-1, 0), b = m.select(-2, 0).select(-1, 1);
  const at::Tensor c = m.select(-2, 1).select(-1, 0), d = m.select(-2, 1).select(-1, 1);
  const at::Tensor adjugate = at::stack({at::stack({d, -b}, -1), at::stack({-c, a}, -1)}, -2);
  return adjugate / (a * d - b * c).unsqueeze(-1).unsqueeze(-1);
}

/// Sum of the principal minors of order 2, (...).
at::Tensor minors(const at::Tensor& m) {
  return 0.5 * (trace_of(m).square() - (m * m.transpose(-1, -2)).sum({-2, -1}));
}

/// Largest eigenvalues of symmetric matrices (..., 3, 3), by the trigonometric formula.
at::Tensor largest_eigenvalue(const at::Tensor& m) {
  const at::Tensor mean = trace_of(m) / 3.0;
  const at::Tensor centred = m - mean.unsqueeze(-1).unsqueeze(-1) * at::eye(3, m.options());
  const at::Tensor spread = (centred.square().sum({-2, -1}) / 6.0).sqrt().clamp_min(1e-300);
  const at::Tensor scaled = centred / spread.unsqueeze(-1).unsqueeze(-1);
  const at::Tensor angle = (0.5 * determinant_3x3(scaled)).clamp(-1.0, 1.0).acos() / 3.0;
  return mean + 2.0 * spread * angle.cos();
}

/// As chance_within.
at::Tensor chance_within(const at::Tensor& covariance, double tolerance) {
  return (tolerance / (2.0 * largest_eigenvalue(covariance).clamp_min(1e-300)).sqrt()).erf();
}

/// Least squares on the distances from the rays, before views are put together.
struct RaySums {
  at::Tensor normal;   // (B, V, T, 3, 3, 3)
  at::Tensor right;    // (B, V, T, 3, 3)
  at::Tensor weights;  // (B, V, T, 3), 0 where nothing is seen
};

RaySums ray_sums(const Sightings& seen, const PreparedRig& rig) {
  const at::Tensor directions = ray_directions(rig, seen.pixels);
  const at::Tensor shown = seen.found & at::isfinite(directions).all(-1);
  const at::Tensor d = at::where(shown.unsqueeze(-1), directions, at::zeros_like(directions));
  RaySums sums;
  sums.weights = as_double(shown) / trace_of(seen.covariance);
  const at::Tensor across = at::eye(3, d.options()) - d.unsqueeze(-1) * d.unsqueeze(-2);
  sums.normal = sums.weights.unsqueeze(-1).unsqueeze(-1) * across;
  sums.right = apply(sums.normal, rig.center.unsqueeze(-2));
  return sums;
}

/// Where the rays of pairs of views meet. P pairs.
struct Proposals {
  at::Tensor points;  // (B, T, P, 3, 3)
  at::Tensor meet;    // (B, T, P, 3) bool
};

Proposals propose(const RaySums& rays) {
  const std::int64_t views = rays.weights.size(1);
  const at::Tensor pairs = at::triu_indices(views, views, 1, rays.weights.options().dtype(at::kLong));
  const auto pair = [&](const at::Tensor& values, std::int64_t i) {
    return values.index_select(1, pairs[i]).transpose(1, 2);
  };
  const at::Tensor normal = pair(rays.normal, 0) + pair(rays.normal, 1);
  const at::Tensor right = pair(rays.right, 0) + pair(rays.right, 1);
  const at::Tensor first = pair(rays.weights, 0), second = pair(rays.weights, 1);
  const at::Tensor least = determinant_3x3(normal) / minors(normal);  // eigenvalue, if it is much the smallest
  const at::Tensor meet = (first > 0.0) & (second > 0.0) & (least > 1e-6 * (first + second));
  const at::Tensor eye = at::eye(3, normal.options());
  const at::Tensor solvable = at::where(meet.unsqueeze(-1).unsqueeze(-1), normal, eye);
  return {apply(inverse_3x3(solvable), right), meet};
}

/// The point that the views like best, and the views that show it.
struct Agreement {
  at::Tensor points;  // (B, T, 3, 3)
  at::Tensor used;    // (B, V, T, 3) bool
  at::Tensor found;   // (B, T, 3) bool
};

/// @param tolerance  within which views agree [px].
Agreement agree(const Sightings& seen, const Proposals& proposals, const PreparedRig& rig, double tolerance) {
  const std::int64_t count = proposals.points.size(2);
  const auto shown = project(rig, proposals.points.flatten(2, 3));  // (B, V, T, 3 P)
  const at::Tensor pixels = shown.pixels.unflatten(3, {count, 3});
  const at::Tensor visible = shown.seen.unflatten(3, {count, 3});
  const at::Tensor reach = tolerance * tolerance + 9.0 * trace_of(seen.covariance);
  const at::Tensor offset = (pixels - seen.pixels.unsqueeze(3)).square().sum(-1) / reach.unsqueeze(3);
  const at::Tensor votes = seen.found.unsqueeze(3) & visible & (offset < 4.0);  // (B, V, T, P, 3)
  const at::Tensor liking = offset - 2.0 * seen.score.clamp_min(1e-3).log().unsqueeze(3);
  const at::Tensor costs = as_double(seen.found.unsqueeze(3)) * at::where(votes, liking, at::full_like(liking, 4.0));
  const at::Tensor total =
      at::where(proposals.meet & (votes.sum(1) >= 2), costs.sum(1), at::full({}, infinity, costs.options()));
  const auto [cost, best] = total.min(2, true);  // (B, T, 1, 3)
  const auto pick = [&](const at::Tensor& values, const at::Tensor& index, std::int64_t axis) {
    return values.gather(axis, index).squeeze(axis);
  };
  const at::Tensor points = pick(proposals.points, best.unsqueeze(-1).expand({-1, -1, -1, -1, 3}), 2);
  const at::Tensor by_view = best.unsqueeze(1).expand({-1, votes.size(1), -1, -1, -1});
  const at::Tensor found = at::isfinite(cost.squeeze(2));
  return {points, pick(votes, by_view, 3) & found.unsqueeze(1), found};
}

/// Normal equations of a Gauss-Newton step, summed over the views; as ReprojectionSums.
struct TensorReprojection {
  at::Tensor normal, right;     // (B, T, 3, 3, 3), (B, T, 3, 3)
  at::Tensor chi_square, kept;  // (B, T, 3)
  at::Tensor error;             // (B, V, T, 3)
  at::Tensor visible;           // (B, T, 3) bool: by all views used
};

/// @param precision  (B, V, T, 3, 2, 2) of the pixels.
TensorReprojection reproject(const Sightings& seen, const at::Tensor& precision, const Agreement& agreement,
                             const PreparedRig& rig, double tolerance) {
  const auto shown = project(rig, agreement.points, true);
  const at::Tensor used = as_double(agreement.used);
  const at::Tensor error = seen.pixels - shown.pixels;
  const at::Tensor square = error.square().sum(-1);
  const at::Tensor doubt = as_double(used.sum(1, true) > 2.0) * square / (tolerance * tolerance);
  const at::Tensor trust = used / (1.0 + doubt).square();
  const at::Tensor weight = trust.unsqueeze(-1).unsqueeze(-1) * precision;
  const at::Tensor weighted = at::matmul(shown.derivative.transpose(-1, -2), weight);
  TensorReprojection sums;
  sums.normal = at::matmul(weighted, shown.derivative).sum(1);
  sums.right = apply(weighted, error).sum(1);
  sums.chi_square = (error * apply(weight, error)).sum(-1).sum(1);
  sums.kept = trust.sum(1);
  sums.error = square.sqrt();
  sums.visible = (shown.seen | ~agreement.used).all(1);
  return sums;
}

/// Sightings of nothing become harmless numbers, others get the least error that a generated blob's centre has.
Sightings tidied(const Sightings& seen, double slack) {
  const at::Tensor eye = at::eye(2, seen.pixels.options());
  Sightings result = seen;
  const at::Tensor found = seen.found.unsqueeze(-1);
  result.pixels = at::where(found, seen.pixels, at::zeros_like(seen.pixels));
  result.covariance = at::where(found.unsqueeze(-1), seen.covariance + slack * slack * eye, eye);
  result.score = at::where(seen.found, seen.score, at::ones_like(seen.score));
  return result;
}

}  // namespace

FusedPoints fuse(const Sightings& seen, const PreparedRig& rig, const FuseOptions& options) {
  constexpr int steps = 6;
  const double tolerance = 0.25 * options.sigma;
  const Sightings tidy = tidied(seen, 0.005 * options.sigma);
  Agreement agreement = agree(tidy, propose(ray_sums(tidy, rig)), rig, tolerance);
  const at::Tensor precision = inverse_2x2(tidy.covariance);
  const at::Tensor eye = at::eye(3, precision.options());
  const at::Tensor usable = agreement.found.unsqueeze(-1).unsqueeze(-1);
  TensorReprojection sums = reproject(tidy, precision, agreement, rig, tolerance);
  for (int i = 0; i < steps; ++i) {
    const at::Tensor inverse = inverse_3x3(at::where(usable, sums.normal, eye));
    agreement.points = agreement.points + apply(inverse, sums.right);
    sums = reproject(tidy, precision, agreement, rig, tolerance);
  }
  const at::Tensor found = agreement.found & sums.visible & at::isfinite(agreement.points).all(-1);
  const at::Tensor freedom = (2.0 * sums.kept - 3.0).clamp_min(0.0);
  constexpr double prior = 3.0;  // degrees of freedom with the expected disagreement, as FrameReader has it
  const at::Tensor inflation = ((prior + sums.chi_square.sum(-1)) / (prior + freedom.sum(-1))).clamp_min(1.0);
  FusedPoints fused{agreement.points, {}, {}, found, agreement.used, sums.error};
  fused.covariance =
      inverse_3x3(at::where(usable, sums.normal, eye)) * inflation.unsqueeze(-1).unsqueeze(-1).unsqueeze(-1);
  const at::Tensor used = as_double(agreement.used);
  const at::Tensor scores = (used * tidy.score).sum(1) / as_double(seen.found).sum(1).clamp_min(1.0);
  fused.confidence = chance_within(fused.covariance, 0.05 * options.axis_length) * scores;
  return fused;
}

namespace {

/// Depth along the camera's axis (B, T) of the position; NaN where the ray does not meet the plane in front.
at::Tensor depth_of(const at::Tensor& directions, const PreparedRig& rig, const TensorDecodeOptions& options) {
  const at::Tensor direction = directions.select(-2, position_point);  // (B, T, 3)
  const at::Tensor forward = rig.world_from_camera[0].select(-1, 2);   // (F, 3)
  if (!options.plane) return at::full_like(direction.select(-1, 0), options.depth.value_or(1.0));
  const auto& [a, b, c, d] = *options.plane;
  const at::Tensor normal = at::stack({at::full({}, a, direction.options()), at::full({}, b, direction.options()),
                                       at::full({}, c, direction.options())});
  const at::Tensor slope = (direction * normal).sum(-1);
  const at::Tensor distance = -((rig.center[0] * normal).sum(-1) + d) / slope;
  const at::Tensor depth = distance * (direction * forward).sum(-1);
  const at::Tensor good = (slope.abs() >= 1e-9 * std::hypot(a, b, c)) & (depth > 0.0);
  return at::where(good, depth, at::full_like(depth, std::numeric_limits<double>::quiet_NaN()));
}

/// The (at most two) points of rays at a distance from points, (..., 2, 3); as at_distance of pose.hpp.
at::Tensor at_distance(const at::Tensor& origin, const at::Tensor& direction, const at::Tensor& point,
                       double distance) {
  const at::Tensor along = (direction * (point - origin)).sum(-1, true);
  const at::Tensor across = (origin + along * direction - point).square().sum(-1, true);
  const at::Tensor half = (distance * distance - across).clamp_min(0.0).sqrt();
  return at::stack({origin + (along - half) * direction, origin + (along + half) * direction}, -2);
}

/// The pair of a normal and an up point nearest to a right angle. @param normals,ups (B, T, 2, 3).
std::pair<at::Tensor, at::Tensor> best_corner(const at::Tensor& position, const at::Tensor& normals,
                                              const at::Tensor& ups) {
  const at::Tensor center = position.unsqueeze(-2).unsqueeze(-2);
  const at::Tensor dots = ((normals.unsqueeze(-2) - center) * (ups.unsqueeze(-3) - center)).sum(-1).abs();
  const at::Tensor best = dots.flatten(-2).argmin(-1, true).unsqueeze(-1).expand({-1, -1, 1, 3});
  return {normals.gather(-2, best.floor_divide(2)).squeeze(-2), ups.gather(-2, best.remainder(2)).squeeze(-2)};
}

}  // namespace

FusedPoints locate(const Sightings& seen, const PreparedRig& rig, const TensorDecodeOptions& options) {
  const Sightings tidy = tidied(seen, 0.0);
  const at::Tensor directions = ray_directions(rig, tidy.pixels).squeeze(1);  // (B, T, 3, 3)
  const at::Tensor depth = depth_of(directions, rig, options);
  const at::Tensor center = rig.center[0], forward = rig.world_from_camera[0].select(-1, 2);
  const at::Tensor ahead = directions.select(-2, position_point);
  const at::Tensor position = center + ahead * (depth / (ahead * forward).sum(-1)).unsqueeze(-1);
  const auto candidates = [&](PointIndex point) {
    return at_distance(center, directions.select(-2, point), position, options.axis_length);
  };
  const auto [normal, up] = best_corner(position, candidates(normal_point), candidates(up_point));
  FusedPoints fused;
  fused.points = at::stack({position, normal, up}, -2);
  fused.found =
      (seen.found.squeeze(1).all(-1, true) & at::isfinite(fused.points).flatten(-2).all(-1, true)).expand({-1, -1, 3});
  fused.used = seen.found & fused.found.unsqueeze(1);
  const at::Tensor linear = rig.intrinsics[0].narrow(-2, 0, 2).narrow(-1, 0, 2);
  const at::Tensor area = (linear.select(-2, 0).select(-1, 0) * linear.select(-2, 1).select(-1, 1) -
                           linear.select(-2, 0).select(-1, 1) * linear.select(-2, 1).select(-1, 0))
                              .abs();
  const at::Tensor variance = 0.5 * trace_of(tidy.covariance).squeeze(1) * (depth.square() / area).unsqueeze(-1);
  fused.covariance = variance.unsqueeze(-1).unsqueeze(-1) * at::eye(3, variance.options());
  fused.confidence = tidy.score.squeeze(1);
  const auto shown = project(rig, fused.points.nan_to_num(0.0));
  fused.error = (seen.pixels - shown.pixels).square().sum(-1).sqrt();
  return fused;
}

}  // namespace action_images::detail
