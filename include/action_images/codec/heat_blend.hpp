// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <action_images/codec/convention.hpp>
#include <action_images/core/check.hpp>

namespace action_images {

/// How an action image is laid over a picture.
///   mean  the weighted mean of the two, as the released implementation shows them (weights 0.5)
///   glow  the picture stays as it is where the action image is dark; blobs shine in pure colours. The openness, a
///         background of the blue channel, is left out.
enum class BlendMode { mean, glow };

/// @throws ValueError unless the name is "mean" or "glow".
inline BlendMode blend_mode_from_name(std::string_view name) {
  check(name == "mean" || name == "glow", "codec::heat_blend", "mode", "\"mean\" or \"glow\"",
        text_of('"', name.substr(0, 40), '"'));
  return name == "mean" ? BlendMode::mean : BlendMode::glow;
}

struct BlendOptions {
  double alpha = 0.5;  ///< weight of the action image (glow: at the top of a blob), 0..1
  BlendMode mode = BlendMode::mean;
};

namespace detail {

/// One pixel of `glow`. The blue channel counts above the level of an open gripper's background and its noise.
inline void glow_pixel(const std::uint8_t* rgb, const std::uint8_t* action, std::uint8_t* out, float alpha) {
  constexpr auto floor = static_cast<float>(255.0 * background_level + 4.0);
  const std::array<float, 3> heat{static_cast<float>(action[0]), static_cast<float>(action[1]),
                                  std::max(0.0F, static_cast<float>(action[2]) - floor) * (255.0F / (255.0F - floor))};
  const float strongest = std::max({heat[0], heat[1], heat[2]});
  const float share = alpha * strongest / 255.0F;
  const float brightening = strongest > 0.0F ? 255.0F / strongest : 0.0F;
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const float old = rgb[channel];
    out[channel] = static_cast<std::uint8_t>(old + share * (heat[channel] * brightening - old) + 0.5F);
  }
}

}  // namespace detail

/// Lays action images over pictures, rounding half up.
/// @param rgb, action_images, out  pixels of equally many pictures (..., 3); `out` may be one of the others.
/// @throws ShapeError if their sizes differ; ValueError if alpha is not in [0, 1].
inline void heat_blend(std::span<const std::uint8_t> rgb, std::span<const std::uint8_t> action_images,
                       std::span<std::uint8_t> out, const BlendOptions& options = {}) {
  constexpr auto where = "codec::heat_blend";
  const std::array<std::size_t, 1> expected{rgb.size()};
  const auto sizes = [](auto pixels) { return std::array<std::size_t, 1>{pixels.size()}; };
  check_shape(action_images.size() == rgb.size(), where, "action_images", shape_text(expected), sizes(action_images));
  check_shape(out.size() == rgb.size(), where, "out", shape_text(expected), sizes(out));
  check_shape(rgb.size() % 3 == 0, where, "rgb", "(..., 3)", sizes(rgb));
  check(options.alpha >= 0.0 && options.alpha <= 1.0, where, "alpha", "a number in [0, 1]", options.alpha);
  const auto alpha = static_cast<float>(options.alpha);
  if (options.mode == BlendMode::glow) {
    for (std::size_t i = 0; i < rgb.size(); i += 3) detail::glow_pixel(&rgb[i], &action_images[i], &out[i], alpha);
    return;
  }
  for (std::size_t i = 0; i < rgb.size(); ++i) {
    const float old = rgb[i];
    out[i] = static_cast<std::uint8_t>(old + alpha * (static_cast<float>(action_images[i]) - old) + 0.5F);
  }
}

}  // namespace action_images
