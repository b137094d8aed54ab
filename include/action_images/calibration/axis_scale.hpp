// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include <action_images/calibration/point_pixels.hpp>
#include <action_images/calibration/rig_report.hpp>
#include <action_images/calibration/similarity_fit.hpp>

namespace action_images {

/// The scale at which the triangulated axes of a gripper are as long as they are drawn, from pixels alone: the actions
/// need not be known. The frame stays that of the rig.
struct AxisScale {
  double scale = 1.0;        ///< metres of a unit of the rig
  double scale_error = 0.0;  ///< standard error of its logarithm, from the spread of the lengths; NaN for one length
  double angle = 90.0;       ///< median angle between the axes [deg]; far from 90: the cameras do not fit the pixels
  std::size_t lengths = 0;   ///< that it rests on
};

namespace detail {

struct AxisLength {
  double length;      ///< [unit of the rig]
  double angle;       ///< to the other axis of its frame [deg]; NaN if that is not seen
  double chi_square;  ///< of its two points [px^2]
};

/// The lengths of triangulated axes; of many the half whose points fit their pixels best, for wrong pixels rarely do.
inline std::vector<AxisLength> axis_lengths(const std::vector<std::optional<TriangulatedPoint>>& points) {
  constexpr std::size_t many = 8;
  std::vector<AxisLength> lengths;
  for (std::size_t first = 0; first < points.size(); first += 3) {
    const auto& position = points[first + position_point];
    const auto& normal = points[first + normal_point];
    const auto& up = points[first + up_point];
    double angle = std::numeric_limits<double>::quiet_NaN();
    if (position && normal && up) angle = angle_between(normal->point - position->point, up->point - position->point);
    for (const auto& end : {normal, up}) {
      if (!position || !end || !((end->point - position->point).norm() > 0.0)) continue;
      lengths.push_back({(end->point - position->point).norm(), angle, position->chi_square + end->chi_square});
    }
  }
  const auto fits_better = [](const AxisLength& a, const AxisLength& b) { return a.chi_square < b.chi_square; };
  std::sort(lengths.begin(), lengths.end(), fits_better);
  if (lengths.size() > many) lengths.resize(lengths.size() / 2);
  return lengths;
}

}  // namespace detail

/// @throws ShapeError if the pixels are not those of the rig; NumericalError if no axis is seen by two views.
inline AxisScale scale_from_axes(const Rig& rig, const PointPixels& pixels, double axis_length = 0.1) {
  constexpr std::string_view where = "codec::scale_from_axes";
  check_drawing(1.0, axis_length, where);
  check_shape(pixels.views == rig.size(), where, "pixels", text_of('(', rig.size(), ", T, 7)"),
              std::array<std::size_t, 3>{pixels.views, pixels.frames, 7});
  check_frames(rig, pixels.frames, where);
  const auto lengths = detail::axis_lengths(detail::triangulated_points(pixels, rig));
  check<NumericalError>(!lengths.empty(), where, "pixels", "an axis whose two points are seen by two views", "none");
  std::vector<double> logs, off, angles;
  for (const detail::AxisLength& length : lengths) {
    logs.push_back(std::log(axis_length / length.length));
    if (std::isfinite(length.angle)) angles.push_back(length.angle);
  }
  const double middle = detail::median_of(logs);
  for (const double value : logs) off.push_back(std::abs(value - middle));
  constexpr double deviation_of_median = 1.4826 * 1.2533;
  const double error = deviation_of_median * detail::median_of(off) / std::sqrt(static_cast<double>(logs.size()));
  return {std::exp(middle), logs.size() > 1 ? error : std::nan(""), detail::median_of(angles), logs.size()};
}

}  // namespace action_images
