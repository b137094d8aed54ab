// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <action_images/calibration/axis_scale.hpp>
#include <action_images/calibration/gripper_alignment.hpp>
#include <action_images/calibration/rig_checks.hpp>

namespace action_images::detail {

inline std::vector<std::size_t> all_views(std::size_t count) {
  std::vector<std::size_t> views(count);
  std::iota(views.begin(), views.end(), std::size_t{0});
  return views;
}

/// Three significant digits.
inline std::string rounded(double value) {
  std::ostringstream text;
  text.precision(3);
  text << value;
  return text.str();
}

/// The widest angle between the rays of two cameras to a point, and the longest distance of two cameras.
struct Parallax {
  double angle = 0.0;     ///< [deg]
  double baseline = 0.0;  ///< [m]
};

inline Parallax widest_parallax(const std::vector<Camera>& cameras, const Eigen::Vector3d& point) {
  Parallax widest;
  for (std::size_t i = 0; i < cameras.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const Eigen::Vector3d a = cameras[i].center(), b = cameras[j].center();
      widest.angle = std::max(widest.angle, angle_between(point - a, point - b));
      widest.baseline = std::max(widest.baseline, (a - b).norm());
    }
  }
  return widest;
}

/// Findings beside which the parallax still means something.
inline bool leaves_poses_alone(const Finding& finding) {
  return finding.name == "focal_mismatch" || finding.name == "focal_ratio" || finding.name == "scale" ||
         finding.name == "field_of_view" || finding.name == "principal_point";
}

/// Where the depth is judged: the point where the lines of sight meet in all pictures, else one at a usual distance.
inline Eigen::Vector3d point_of_interest(const std::vector<Camera>& cameras, std::vector<double> distances) {
  const auto common = common_point(cameras);
  const auto sees = [&](const Camera& camera) { return is_in_picture(camera, *common); };
  if (common && std::all_of(cameras.begin(), cameras.end(), sees)) return *common;
  const Ray middle = middle_sight(cameras);
  return middle.origin + (distances.empty() ? 1.0 : median_of(std::move(distances))) * middle.direction;
}

/// Warns of views that tell too little depth at a point: short baselines, or one camera behind another.
inline void check_parallax(const std::vector<Camera>& cameras, const Eigen::Vector3d& point,
                           std::vector<Finding>& findings) {
  constexpr double least_angle = 2.0, least_share = 0.035, one_place = 1e-3;  // [deg], of the distance, [m]
  if (cameras.size() < 2 || !std::all_of(findings.begin(), findings.end(), leaves_poses_alone)) return;
  const Parallax parallax = widest_parallax(cameras, point);
  if (!(parallax.angle < least_angle) || parallax.baseline < one_place) return;
  const double distance = (point - middle_sight(cameras).origin).norm();
  const double depth = precision_at(cameras, distance).depth;
  const std::string costs =
      std::isfinite(depth) ? text_of(", and an error of 1 px moves the depth by ", rounded(depth), " mm") : "";
  const bool is_short = parallax.baseline < least_share * distance;
  const std::string text =
      is_short ? text_of("the baseline is short: the cameras are ", rounded(1e3 * parallax.baseline), " mm apart, ",
                         rounded(100.0 * parallax.baseline / distance), " % of the ", rounded(distance),
                         " m to what they see", costs)
               : text_of("the rays are nearly parallel: those of the views to what they see, ", rounded(distance),
                         " m away, meet at ", rounded(parallax.angle), " degrees, although the cameras are ",
                         rounded(parallax.baseline), " m apart (one behind the other?)", costs);
  findings.push_back({is_short ? "short_baseline" : "parallel_rays", text, all_views(cameras.size())});
}

/// The middle of known points [m]; nullopt if none is finite.
inline std::optional<Eigen::Vector3d> middle_of(const std::vector<ActionPoints>& points) {
  std::vector<double> x, y, z;
  for (const ActionPoints& frame : points) {
    if (!frame.allFinite()) continue;
    x.push_back(frame(0, position_point));
    y.push_back(frame(1, position_point));
    z.push_back(frame(2, position_point));
  }
  if (x.empty()) return std::nullopt;
  return Eigen::Vector3d(median_of(x), median_of(y), median_of(z));
}

/// What action images tell of the unit: axes that are triangulated at another length than they were drawn at, while
/// their angle is right.
inline std::optional<Finding> wrong_scale(const Rig& rig, const PointPixels& pixels, double axis_length) {
  constexpr double right_angle = 6.0, little = 0.05, sure = 0.02;  // [deg], of the scale, standard error of it
  if (rig.size() < 2) return std::nullopt;
  try {
    const AxisScale axes = scale_from_axes(rig, pixels, axis_length);
    const bool fits = std::abs(axes.angle - 90.0) < right_angle && axes.scale_error < sure * (1.0 + axes.scale);
    if (!fits || std::abs(std::log(axes.scale)) < std::max(little, 4.0 * axes.scale_error)) return std::nullopt;
    return Finding{
        "scale",
        text_of("the axes of the gripper are ", rounded(axis_length / axes.scale), " long in the rig's unit, ",
                "and were drawn ", rounded(axis_length), " m long: the unit is ", rounded(axes.scale),
                " m, as where cameras were estimated from pictures (action-images rescale)"),
        all_views(rig.size())};
  } catch (const NumericalError&) {
    return std::nullopt;
  }
}

/// Whether known actions fit after a similarity of the whole rig: they are in another frame or unit than the cameras.
inline std::optional<Finding> other_frame(const Rig& rig, const PointPixels& pixels, const Trajectory& actions,
                                          const AlignmentOptions& options) {
  constexpr double good = 0.01;  // of the picture's shorter side
  if (rig.size() < 2) return std::nullopt;
  try {
    const AlignedRig aligned = align_to_gripper(rig, pixels, actions, options);
    const auto counted = std::count(aligned.inliers.begin(), aligned.inliers.end(), true);
    const auto all = 3 * rig.size() * actions.size();
    const bool fits = aligned.rms_px < std::max(2.0, good * std::min(rig.width(), rig.height()));
    if (!fits || 2 * static_cast<std::size_t>(counted) < all) return std::nullopt;
    const double turn = degrees * Eigen::AngleAxisd(aligned.similarity.rotation).angle();
    return Finding{"frame",
                   text_of("the actions are in another frame or unit than the cameras: scaled by ",
                           rounded(aligned.similarity.scale), ", turned by ", rounded(turn), " degrees and shifted by ",
                           rounded(aligned.similarity.translation.norm()), " m the cameras fit within ",
                           rounded(aligned.rms_px), " px (action-images rescale)"),
                   all_views(rig.size())};
  } catch (const NumericalError&) {
    return std::nullopt;
  }
}

}  // namespace action_images::detail
