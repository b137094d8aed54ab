// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string_view>

#include <action_images/codec/action.hpp>
#include <action_images/codec/rig.hpp>

namespace action_images {

/// How action images are drawn. The two differ in channels, in the pixel grid and in the openness.
///   paper    green = normal, blue = up; pixel i covers [i, i + 1); background 0.25 * openness
///   release  green = up, blue = normal; a centre at u has its maximum at index u; background 0.25 if openness > 0.5
/// Checkpoints of the released implementation follow `release`. Paper Eq. 1-5.
enum class Convention { paper, release };

/// @throws ValueError unless the name is "paper" or "release".
inline Convention convention_from_name(std::string_view name) {
  check(name == "paper" || name == "release", "codec::convention_from_name", "convention", "\"paper\" or \"release\"",
        text_of('"', name, '"'));
  return name == "paper" ? Convention::paper : Convention::release;
}

/// Value of the blue background of an open gripper, and the response below which the background is written.
inline constexpr double background_level = 0.25;

/// What a convention says about pixels.
struct PixelLayout {
  std::array<PointIndex, 3> point_of_channel;  ///< point drawn in red, green, blue
  double pixel_offset;                         ///< pixel coordinate of array index 0 [px]
  bool binary_openness;
  double threshold =
      background_level;  ///< the response at which blue gives way to the background, and its largest value
};

inline PixelLayout layout_of(Convention convention, double threshold = background_level) {
  if (convention == Convention::paper) return {{position_point, normal_point, up_point}, 0.5, false, threshold};
  return {{position_point, up_point, normal_point}, 0.0, true, threshold};
}

/// Standard deviation of the drawn Gaussians [px]: the given one, or 5 % of the shorter side. Paper, supplement.
inline double sigma_of(const std::optional<double>& sigma, const Rig& rig) {
  return sigma.value_or(0.05 * std::min(rig.height(), rig.width()));
}

/// Throws ValueError unless 0 < threshold < 1.
inline void check_threshold(double threshold, std::string_view where) {
  check(threshold > 0.0 && threshold < 1.0, where, "threshold", "a number between 0 and 1", threshold);
}

/// Throws ValueError if sigma or axis_length is not a positive number, or sigma is larger than every picture.
inline void check_drawing(double sigma, double axis_length, std::string_view where) {
  check(sigma > 0.0 && sigma <= 65536.0, where, "sigma", "a positive number of pixels up to 65536", sigma);
  check(std::isfinite(axis_length) && axis_length > 0.0, where, "axis_length", "a positive length in metres",
        axis_length);
}

}  // namespace action_images
