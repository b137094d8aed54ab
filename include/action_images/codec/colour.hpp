// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include <Eigen/Core>

namespace action_images {

/// Red, green, blue, each 0..255 (sRGB).
using Colour = Eigen::Array3f;

namespace detail {

/// sRGB of a colour in OKLab: lightness 0..1, a (green to red), b (blue to yellow). Ottosson 2020.
inline Colour colour_from_oklab(const Eigen::Vector3d& lab) {
  Eigen::Matrix3d cones_from_lab;
  cones_from_lab << 1.0, 0.3963377774, 0.2158037573,  //
      1.0, -0.1055613458, -0.0638541728,              //
      1.0, -0.0894841775, -1.2914855480;
  Eigen::Matrix3d rgb_from_cones;
  rgb_from_cones << 4.0767416621, -3.3077115913, 0.2309699292,  //
      -1.2684380046, 2.6097574011, -0.3413193965,               //
      -0.0041960863, -0.7034186147, 1.7076147010;
  const Eigen::Vector3d linear = rgb_from_cones * (cones_from_lab * lab).array().cube().matrix();
  const auto encoded = [](double value) {
    const double v = std::clamp(value, 0.0, 1.0);
    return static_cast<float>(255.0 * (v <= 0.0031308 ? 12.92 * v : 1.055 * std::pow(v, 1.0 / 2.4) - 0.055));
  };
  return {encoded(linear[0]), encoded(linear[1]), encoded(linear[2])};
}

}  // namespace detail

/// Colour of a moment, 0 = first frame to 1 = last frame: indigo, magenta, orange, amber. Lightness rises evenly (in
/// OKLab), so the order stays readable in grey and for colour-blind eyes.
inline Colour time_colour(double fraction) {
  constexpr double degree = 3.14159265358979323846 / 180.0;
  constexpr std::array<std::array<double, 2>, 4> chroma_hue{
      {{0.22, 276.0 * degree}, {0.23, 340.0 * degree}, {0.19, 38.0 * degree}, {0.17, 86.0 * degree}}};
  const double clamped = std::clamp(fraction, 0.0, 1.0);
  const double position = 3.0 * clamped;
  const std::size_t below = std::min(static_cast<std::size_t>(position), std::size_t{2});
  const auto lab = [&](std::size_t i) -> Eigen::Vector2d {
    return Eigen::Vector2d(std::cos(chroma_hue[i][1]), std::sin(chroma_hue[i][1])) * chroma_hue[i][0];
  };
  const double share = position - static_cast<double>(below);
  const Eigen::Vector2d ab = (1.0 - share) * lab(below) + share * lab(below + 1);
  return detail::colour_from_oklab({0.45 + 0.39 * clamped, ab.x(), ab.y()});
}

}  // namespace action_images
