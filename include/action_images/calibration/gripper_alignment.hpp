// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include <Eigen/Core>

#include <action_images/calibration/alignment_problem.hpp>
#include <action_images/calibration/covariance.hpp>
#include <action_images/calibration/point_pixels.hpp>
#include <action_images/calibration/similarity_fit.hpp>

namespace action_images {

struct AlignmentOptions {
  Convention convention = Convention::paper;  ///< which points green and blue are
  double axis_length = 0.1;                   ///< distance of the normal and up points from the position [m]
  double pixel_error = 1.0;  ///< expected standard deviation of a pixel; larger residuals lose weight [px]
  Loss loss = Loss::cauchy;
  int most_iterations = 100;
};

/// A rig in the frame of known actions, in metres, and how sure that is.
struct AlignedRig {
  Rig rig;
  Similarity similarity;        ///< from the frame of the given rig
  double rms_px = 0.0;          ///< distances of projected from seen points, of those that count [px]
  double largest_px = 0.0;      ///< the same
  double rms_mm = 0.0;          ///< distances of triangulated from known points, of those that count [mm]; NaN if none
  double scale_error = 0.0;     ///< standard deviation of the scale, relative to it
  double position_error = 0.0;  ///< of the known points' centre [m]
  double rotation_error = 0.0;  ///< of the rotation [rad]
  std::vector<bool> inliers{};  ///< (V, T, 3) by PointIndex: seen, and within a few `pixel_error`
  int iterations = 0;
  bool converged = false;
};

namespace detail {

/// The similarity rig_from_known of points that the rig's views triangulate; robust from 8 pairs on.
inline std::optional<SimilarityFit> fit_triangulated(const std::vector<std::optional<TriangulatedPoint>>& in_rig,
                                                     const std::vector<KnownSighting>& sightings) {
  std::vector<Eigen::Vector3d> from, to;
  std::vector<bool> taken(in_rig.size(), false);
  for (const KnownSighting& sighting : sightings) {
    if (taken[sighting.point] || !in_rig[sighting.point]) continue;
    taken[sighting.point] = true;
    from.push_back(sighting.in_world);
    to.push_back(in_rig[sighting.point]->point);
  }
  try {
    return similarity_from_points(from, to, {.weights = {}, .scaled = true, .robust = from.size() >= 8});
  } catch (const NumericalError&) {
    return std::nullopt;
  }
}

/// Of the points of which every sighting counts; NaN if there is none.
inline double rms_in_mm(const std::vector<std::optional<TriangulatedPoint>>& in_rig,
                        const std::vector<KnownSighting>& sightings, const std::vector<bool>& counts,
                        const Similarity& known_from_rig) {
  std::vector<bool> good(in_rig.size(), true);
  for (std::size_t i = 0; i < sightings.size(); ++i) {
    if (!counts[i]) good[sightings[i].point] = false;
  }
  double squares = 0.0, count = 0.0;
  for (const KnownSighting& sighting : sightings) {
    const auto& point = in_rig[sighting.point];
    if (!good[sighting.point] || !point) continue;
    squares += (known_from_rig * point->point - sighting.in_world).squaredNorm();
    count += 1.0;
  }
  return 1e3 * std::sqrt(squares / count);
}

inline void check_alignment(const AlignmentOptions& options, std::string_view where) {
  check_drawing(1.0, options.axis_length, where);
  check(options.pixel_error > 0.0 && options.pixel_error < unseen_distance, where, "pixel_error",
        "a positive number of pixels", options.pixel_error);
  check(options.most_iterations > 0, where, "most_iterations", "a positive number", options.most_iterations);
}

/// Fills in residuals in pixels and standard deviations; tells which sightings count.
/// @param covariance  of the unknowns, for pixels of deviation 1.
inline std::vector<bool> measure(const AlignmentProblem& problem, const AlignmentOptions& options,
                                 const Eigen::MatrixXd& covariance, AlignedRig& aligned) {
  const double pixel = pixel_deviation(problem.squares(), 2.0 * problem.weights() - 7.0, options.pixel_error);
  const auto variance = [&](Eigen::Index i) { return pixel * pixel * covariance(i, i); };
  const double metres = 1.0 / problem.state().scale;  // of a unit of the rig
  aligned.scale_error = std::sqrt(variance(6));
  aligned.position_error = metres * std::sqrt(variance(0) + variance(1) + variance(2));
  aligned.rotation_error = std::sqrt(variance(3) + variance(4) + variance(5));
  const auto distances = problem.distances();
  const double limit = outlier_limit(distances, options.pixel_error);
  std::vector<bool> counts;
  double squares = 0.0, count = 0.0;
  for (const double distance : distances) {
    counts.push_back(distance <= limit);
    if (!counts.back()) continue;
    squares += distance * distance;
    count += 1.0;
    aligned.largest_px = std::max(aligned.largest_px, distance);
  }
  aligned.rms_px = std::sqrt(squares / count);
  return counts;
}

}  // namespace detail

/// Brings a rig of arbitrary scale and frame into that of known actions, moving it as a whole: the three points of the
/// actions are triangulated from their pixels, a similarity is fitted (Umeyama), then refined so that the known points
/// project to the pixels. One frame has three points only, `axis_length` apart: look at `scale_error`.
/// @param pixels   where the views see the points; two views or more.
/// @param actions  T, in the frame that is wanted [m]; one that is not finite is left out.
/// @throws ShapeError if pixels, rig and actions do not fit together; ValueError for one view, which has no scale;
///         NumericalError if fewer than three points are seen by two views, or they tell no scale.
inline AlignedRig align_to_gripper(const Rig& rig, const PointPixels& pixels, const Trajectory& actions,
                                   const AlignmentOptions& options = {}) {
  constexpr std::string_view where = "codec::align_to_gripper";
  detail::check_point_pixels(pixels, rig, actions, where);
  detail::check_alignment(options, where);
  check(rig.size() >= 2, where, "rig", "two views or more: the scale of one view cannot be seen", rig.size());
  const auto sightings = detail::known_sightings(pixels, actions, options.axis_length);
  const auto in_rig = detail::triangulated_points(pixels, rig);
  const auto start = detail::fit_triangulated(in_rig, sightings);
  check<NumericalError>(start.has_value(), where, "pixels",
                        "three points or more, not on a line, that two views see and whose rays meet", "fewer");
  detail::AlignmentProblem problem(rig, sightings, start->similarity, options.loss);
  const auto descent =
      detail::descend_narrowing(problem, detail::loss_scale(options.pixel_error), options.most_iterations);
  problem.linearise();
  const auto covariance = detail::covariance_of(problem.normal());
  check<NumericalError>(covariance.has_value(), where, "pixels", "points that tell scale and frame",
                        "a singular system: parallel rays, or points on a line");
  const Similarity known_from_rig = problem.state().inverse();
  AlignedRig aligned{align_rig(rig, known_from_rig), known_from_rig};
  aligned.iterations = descent.iterations;
  aligned.converged = descent.converged;
  const std::vector<bool> counts = detail::measure(problem, options, *covariance, aligned);
  aligned.inliers.assign(pixels.views * pixels.frames * 3, false);
  for (std::size_t i = 0; i < sightings.size(); ++i) {
    aligned.inliers[sightings[i].view * pixels.frames * 3 + sightings[i].point] = counts[i];
  }
  aligned.rms_mm = detail::rms_in_mm(in_rig, sightings, counts, known_from_rig);
  return aligned;
}

}  // namespace action_images
