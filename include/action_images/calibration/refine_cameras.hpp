// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <action_images/calibration/bundle.hpp>
#include <action_images/calibration/camera_pose.hpp>
#include <action_images/calibration/covariance.hpp>
#include <action_images/calibration/gripper_alignment.hpp>

namespace action_images {

struct RefineOptions {
  Convention convention = Convention::paper;  ///< which points green and blue are
  double axis_length = 0.1;                   ///< distance of the normal and up points from the position [m]
  FocalLengths focal = FocalLengths::fixed;
  bool principal_point = false;  ///< whether the principal points are refined too
  double pixel_error = 1.0;      ///< expected standard deviation of a pixel; larger residuals lose weight [px]
  double point_error = 0.0;      ///< of the known points [m]; 0: they are exact; infinity: free, the gauge is fixed by
                                 ///< the similarity that brings them nearest to the known ones
  Loss loss = Loss::cauchy;
  int most_iterations = 200;
};

/// How well one view fits, and how sure its camera is: within the frame of the known points, or, where the points are
/// quite free, to the other cameras.
struct RefinedView {
  double rms_before = 0.0;  ///< of what counts, with the rig as it was, brought into the frame as a whole [px]; NaN if
                            ///< a point is not in front of the camera
  double rms_after = 0.0;       ///< the same, refined [px]
  std::size_t seen = 0;         ///< points
  std::size_t inliers = 0;      ///< that count
  double position_error = 0.0;  ///< standard deviation of the camera's centre [m]
  double rotation_error = 0.0;  ///< of its orientation [rad]
  double focal_error = 0.0;     ///< of its focal length, relative; 0 if that is fixed
};

struct RefinedRig {
  Rig rig;
  std::optional<Similarity> similarity;  ///< nearest to what brings the given cameras onto these; nullopt for one view
  std::vector<RefinedView> views;
  std::vector<Eigen::Vector3d> points;  ///< refined, by 3 time + PointIndex [m]; NaN for what is not seen
  std::vector<bool> inliers;            ///< (V, T, 3) by PointIndex
  int iterations = 0;
  bool converged = false;
};

namespace detail {

inline std::vector<PointToPixel> pairs_of_view(const std::vector<KnownSighting>& sightings, std::size_t view) {
  std::vector<PointToPixel> pairs;
  for (const KnownSighting& sighting : sightings) {
    if (sighting.view == view) pairs.push_back({sighting.in_world, sighting.pixel});
  }
  return pairs;
}

/// The rig brought into the frame of the known points as a whole, where that fits better than as it is.
inline Rig moved_as_a_whole(const Rig& rig, const PointPixels& pixels, const std::vector<KnownSighting>& sightings) {
  const auto fit = rig.size() > 1 ? fit_triangulated(triangulated_points(pixels, rig), sightings) : std::nullopt;
  if (!fit) return rig;
  const Rig moved = align_rig(rig, fit->similarity.inverse());
  double given_error = 0.0, moved_error = 0.0;
  for (std::size_t view = 0; view < rig.size(); ++view) {
    const auto pairs = pairs_of_view(sightings, view);
    given_error += std::min(unseen_distance, median_distance(rig[view], pairs));
    moved_error += std::min(unseen_distance, median_distance(moved[view], pairs));
  }
  return moved_error < given_error ? moved : rig;
}

/// Of every view the better of the camera given and the one located anew.
inline std::vector<Camera> starting_cameras(const Rig& moved, const std::vector<KnownSighting>& sightings) {
  constexpr double clearly = 0.5;
  std::vector<Camera> cameras;
  for (std::size_t view = 0; view < moved.size(); ++view) {
    const auto pairs = pairs_of_view(sightings, view);
    const auto located = locate_camera(moved[view], pairs);
    const bool better = located && median_distance(*located, pairs) < clearly * median_distance(moved[view], pairs);
    cameras.push_back(better ? *located : moved[view]);
  }
  return cameras;
}

inline void check_refinement(const RefineOptions& options, const Rig& rig, std::string_view where) {
  check_alignment({options.convention, options.axis_length, options.pixel_error, options.loss, options.most_iterations},
                  where);
  check(options.point_error >= 0.0, where, "point_error", "metres: 0, a positive number or infinity",
        options.point_error);
  check(options.point_error == 0.0 || std::isfinite(options.point_error) || rig.size() > 1, where, "point_error",
        "a finite number, for one view", options.point_error);
  check(!rig.is_moving(), where, "rig", "cameras that stand still", text_of("cameras of ", rig.frames(), " frames"));
}

/// Throws NumericalError naming a view that sees too little to tell its unknowns.
inline void check_sightings(const std::vector<KnownSighting>& sightings, std::size_t views,
                            const CameraUnknowns& unknowns, std::string_view where) {
  const auto least = std::max<std::ptrdiff_t>(4, (unknowns.of_view() + 2) / 2);
  for (std::size_t view = 0; view < views; ++view) {
    const auto seen = std::count_if(sightings.begin(), sightings.end(),
                                    [&](const KnownSighting& sighting) { return sighting.view == view; });
    check<NumericalError>(seen >= least, where, text_of("pixels[", view, ']'),
                          text_of(least, " points of finite actions or more (two frames)"), seen);
  }
}

/// Without the points that fewer than two views see: free ones of those can be anywhere.
inline std::vector<KnownSighting> seen_twice(const std::vector<KnownSighting>& sightings, std::size_t points) {
  std::vector<int> count(points, 0);
  for (const KnownSighting& sighting : sightings) ++count[sighting.point];
  std::vector<KnownSighting> kept;
  for (const KnownSighting& sighting : sightings) {
    if (count[sighting.point] > 1) kept.push_back(sighting);
  }
  return kept;
}

inline double rms_of_view(const Camera& camera, const std::vector<KnownSighting>& sightings,
                          const std::vector<bool>& counts, const std::vector<Eigen::Vector3d>& points,
                          std::size_t view) {
  double squares = 0.0, count = 0.0;
  for (std::size_t i = 0; i < sightings.size(); ++i) {
    if (!counts[i] || sightings[i].view != view) continue;
    const auto pixel = camera.project(points[sightings[i].point]);
    squares += pixel ? (*pixel - sightings[i].pixel).squaredNorm() : std::numeric_limits<double>::quiet_NaN();
    count += 1.0;
  }
  return std::sqrt(squares / count);
}

/// By 3 time + PointIndex, NaN for those that are not seen.
inline std::vector<Eigen::Vector3d> known_points(const std::vector<KnownSighting>& sightings, std::size_t frames) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  std::vector<Eigen::Vector3d> points(3 * frames, Eigen::Vector3d::Constant(nan));
  for (const KnownSighting& sighting : sightings) points[sighting.point] = sighting.in_world;
  return points;
}

/// What the refinement of one view came to; its errors are still missing.
inline RefinedView report_of_view(std::size_t view, const Camera& before, const RefinedRig& refined,
                                  const std::vector<KnownSighting>& sightings, const std::vector<bool>& counts) {
  const auto known = known_points(sightings, refined.points.size() / 3);
  RefinedView report;
  report.rms_before = rms_of_view(before, sightings, counts, known, view);
  report.rms_after = rms_of_view(refined.rig[view], sightings, counts, refined.points, view);
  for (std::size_t i = 0; i < sightings.size(); ++i) {
    if (sightings[i].view != view) continue;
    ++report.seen;
    report.inliers += counts[i] ? 1 : 0;
  }
  return report;
}

/// Standard deviations of the views' cameras, for pixels of this deviation. With a free gauge the covariance leaves out
/// its 7 directions (Triggs et al. 2000, 9.3).
inline void state_errors(const Eigen::MatrixXd& covariance, double pixel, const CameraUnknowns& unknowns,
                         std::vector<RefinedView>& views) {
  for (std::size_t view = 0; view < views.size(); ++view) {
    const auto variance = [&](Eigen::Index i) {
      return pixel * pixel * covariance(unknowns.column(view, i), unknowns.column(view, i));
    };
    views[view].position_error = std::sqrt(variance(0) + variance(1) + variance(2));
    views[view].rotation_error = std::sqrt(variance(3) + variance(4) + variance(5));
    if (unknowns.focal != FocalLengths::fixed) views[view].focal_error = std::sqrt(variance(6));
  }
}

/// Fixes the gauge of points that were free: as near as possible to where they are known to be.
inline void bring_back(const std::vector<Eigen::Vector3d>& known, RefinedRig& refined) {
  const Similarity back =
      similarity_from_points(refined.points, known, {.weights = {}, .scaled = true, .robust = true}).similarity;
  refined.rig = align_rig(refined.rig, back);
  for (Eigen::Vector3d& point : refined.points) point = back * point;
  for (RefinedView& view : refined.views) view.position_error *= back.scale;
}

/// Redundancy: two numbers a sighting, less the unknowns of cameras and, if they are quite free, of points.
inline double freedom_of(const BundleProblem& problem, const CameraUnknowns& unknowns,
                         const std::vector<KnownSighting>& sightings, bool free_gauge) {
  double freedom = 2.0 * problem.weights() - static_cast<double>(unknowns.count());
  if (!free_gauge) return freedom;
  std::vector<std::size_t> points;
  for (const KnownSighting& sighting : sightings) points.push_back(sighting.point);
  std::sort(points.begin(), points.end());
  const auto distinct = std::unique(points.begin(), points.end()) - points.begin();
  return freedom + 7.0 - 3.0 * static_cast<double>(distinct);
}

inline std::optional<Similarity> similarity_between(const Rig& from, const Rig& to) {
  if (from.size() < 2) return std::nullopt;
  try {
    return similarity_from_rigs(from, to).similarity;
  } catch (const NumericalError&) {
    return std::nullopt;  // given in one place
  }
}

}  // namespace detail

/// Refines cameras with a known trajectory and where the views see it: bundle adjustment with a robust loss. The
/// cameras come out in the frame of the actions, in metres, wherever they were; poses, and what the options say of the
/// intrinsics, are refined. A view whose given pose is far off is located anew; one view is enough.
/// @param pixels   of all views; points that are not seen are left out, wrong ones lose weight.
/// @param actions  T, known [m]; one that is not finite is left out.
/// @throws ShapeError if pixels, rig and actions do not fit together; ValueError for a rig that moves; NumericalError
/// if
///         a view sees fewer than four points or they cannot tell the unknowns.
inline RefinedRig refine_cameras(const Rig& rig, const PointPixels& pixels, const Trajectory& actions,
                                 const RefineOptions& options = {}) {
  constexpr std::string_view where = "codec::refine_cameras";
  detail::check_point_pixels(pixels, rig, actions, where);
  detail::check_refinement(options, rig, where);
  auto sightings = detail::known_sightings(pixels, actions, options.axis_length);
  const bool free_gauge = std::isinf(options.point_error);
  if (free_gauge) sightings = detail::seen_twice(sightings, 3 * pixels.frames);
  const detail::CameraUnknowns unknowns{rig.size(), options.focal, options.principal_point};
  detail::check_sightings(sightings, rig.size(), unknowns, where);
  const Rig moved = detail::moved_as_a_whole(rig, pixels, sightings);
  const auto known = detail::known_points(sightings, pixels.frames);
  const double ratio = options.pixel_error / options.point_error;
  detail::BundleProblem problem({detail::starting_cameras(moved, sightings), known}, sightings, unknowns, ratio * ratio,
                                options.loss);
  const auto descent =
      detail::descend_narrowing(problem, detail::loss_scale(options.pixel_error), options.most_iterations);
  problem.linearise();

  RefinedRig refined{rig, {}, {}, problem.state().points, {}, descent.iterations, descent.converged};
  std::size_t next = 0;
  refined.rig = rig.transformed([&](const Camera&) { return problem.state().cameras[next++]; });
  const auto distances = problem.distances();
  const double limit = detail::outlier_limit(distances, options.pixel_error);
  std::vector<bool> counts;
  for (const double distance : distances) counts.push_back(distance <= limit);
  for (std::size_t view = 0; view < rig.size(); ++view) {
    refined.views.push_back(detail::report_of_view(view, moved[view], refined, sightings, counts));
  }
  const double freedom = detail::freedom_of(problem, unknowns, sightings, free_gauge);
  const double pixel = detail::pixel_deviation(problem.squares(), freedom, options.pixel_error);
  const auto covariance = detail::covariance_of(problem.normal(), free_gauge ? 7 : 0);
  check<NumericalError>(covariance.has_value(), where, "pixels, actions",
                        "points that tell all unknowns of the cameras", "too few, or in too regular places");
  detail::state_errors(*covariance, pixel, unknowns, refined.views);
  refined.inliers.assign(pixels.views * pixels.frames * 3, false);
  for (std::size_t i = 0; i < sightings.size(); ++i) {
    refined.inliers[sightings[i].view * pixels.frames * 3 + sightings[i].point] = counts[i];
  }
  if (free_gauge) detail::bring_back(known, refined);
  refined.similarity = detail::similarity_between(rig, refined.rig);
  return refined;
}

}  // namespace action_images
