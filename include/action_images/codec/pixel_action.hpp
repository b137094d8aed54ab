// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <vector>

#include <action_images/codec/action.hpp>
#include <action_images/codec/array.hpp>
#include <action_images/codec/convention.hpp>
#include <action_images/codec/encode.hpp>
#include <action_images/codec/pose.hpp>
#include <action_images/codec/rig.hpp>
#include <action_images/codec/triangulate.hpp>

namespace action_images {

namespace detail {

inline PixelPoints points_of_row(const double* row, const PixelLayout& layout) {
  PixelPoints points;
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const Eigen::Vector2d pixel(row[2 * channel], row[2 * channel + 1]);
    if (!pixel.hasNaN()) points[static_cast<std::size_t>(layout.point_of_channel[channel])] = pixel;
  }
  return points;
}

/// Throws ValueError naming the first row with an infinite pixel, half a pixel, or an openness outside [0, 1].
inline void check_pixel_actions(const PixelActionsView& pixels, std::string_view where) {
  for (std::size_t i = 0; i < pixels.views * pixels.frames; ++i) {
    const double* const row = pixels.data + 7 * i;
    const auto name = [&] { return text_of("pixels[", i / pixels.frames, ", ", i % pixels.frames, ']'); };
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const double x = row[2 * channel], y = row[2 * channel + 1];
      if (std::isinf(x) || std::isinf(y) || std::isnan(x) != std::isnan(y)) {
        throw ValueError(expected_text(where, name(), "finite pixels, or NaN for both x and y", text_of(x, ", ", y)));
      }
    }
    if (!(row[6] >= 0.0 && row[6] <= 1.0)) {
      throw ValueError(expected_text(where, text_of(name(), ".openness"), "a number in [0, 1]", text_of(row[6])));
    }
  }
}

/// The three points from the views that see them; nullopt if one is seen by fewer than two, or cannot be triangulated.
inline std::optional<ActionPoints> points_from_views(const PixelActionsView& pixels, const Rig& rig, std::size_t time,
                                                     Convention convention) {
  const double tolerance = 0.0125 * std::min(rig.height(), rig.width());  // a quarter of a drawn sigma
  std::array<std::vector<Sighting>, 3> sightings;
  for (std::size_t view = 0; view < rig.size(); ++view) {
    const PixelPoints seen = points_of_row(pixels.row(view, time), layout_of(convention));
    for (std::size_t point = 0; point < 3; ++point) {
      if (seen[point]) sightings[point].push_back({&rig.camera(view, time), *seen[point]});
    }
  }
  ActionPoints points;
  for (std::size_t point = 0; point < 3; ++point) {
    const auto found = triangulate(sightings[point], tolerance);
    if (!found) return std::nullopt;
    points.col(static_cast<Eigen::Index>(point)) = found->point;
  }
  return points;
}

}  // namespace detail

/// Pixel actions (V, T, 7) of T actions. The openness is the action's own in both conventions.
/// @throws ValueError if an action is not finite or its openness not in [0, 1].   @see paper Eq. 2
inline PixelActions pixel_actions(const Trajectory& actions, const Rig& rig, const EncodeOptions& options = {}) {
  check_trajectory(actions, "codec::pixel_actions");
  check_frames(rig, actions.size(), "codec::pixel_actions");
  check_drawing(1.0, options.axis_length, "codec::pixel_actions");
  const PixelLayout layout = layout_of(options.convention);
  const Eigen::Vector2d unseen = Eigen::Vector2d::Constant(std::numeric_limits<double>::quiet_NaN());
  auto pixels = PixelActions::from_shape({rig.size(), actions.size(), 7});
  for (std::size_t time = 0; time < actions.size(); ++time) {
    const ActionPoints points = points_of(actions[time], options.axis_length);
    for (std::size_t view = 0; view < rig.size(); ++view) {
      const PixelPoints seen = project_points(points, rig.camera(view, time));
      for (std::size_t channel = 0; channel < 3; ++channel) {
        const auto& pixel = seen[static_cast<std::size_t>(layout.point_of_channel[channel])];
        Eigen::Map<Eigen::Vector2d>(&pixels(view, time, 2 * channel)) = pixel.value_or(unseen);
      }
      pixels(view, time, 6) = actions[time].openness;
    }
  }
  return pixels;
}

/// `encode_pixels` into memory that the caller owns; every pixel is written.
/// @throws ShapeError if `images` has other views and frames.
template <PixelType Pixel>
void encode_pixels_into(const PixelActionsView& pixels, const ImagesView<Pixel>& images,
                        const EncodeOptions& options = {}) {
  constexpr std::string_view where = "codec::encode_pixels";
  const double sigma = options.sigma.value_or(0.05 * static_cast<double>(std::min(images.height, images.width)));
  check_drawing(sigma, options.axis_length, where);
  detail::check_pixel_actions(pixels, where);
  check_shape(images.views == pixels.views && images.frames == pixels.frames, where, "out",
              text_of('(', pixels.views, ", ", pixels.frames, ", H, W, 3)"), images.shape());
  check_threshold(options.threshold, where);
  const PixelLayout layout = layout_of(options.convention, options.threshold);
  for (std::size_t view = 0; view < pixels.views; ++view) {
    for (std::size_t time = 0; time < pixels.frames; ++time) {
      const double* const row = pixels.row(view, time);
      const ImagesView<Pixel> picture{images.frame(view, time), 1, 1, images.height, images.width};
      draw_action_image(detail::points_of_row(row, layout), row[6], layout, sigma, picture);
    }
  }
}

/// Action images (V, T, H, W, 3) of pixel actions, as `encode` draws those of actions; a point that is NaN is not
/// drawn.
/// @param height,width  of the pictures, 1..16384 [px].
/// @throws ValueError naming the row that is not finite, or whose openness is not in [0, 1].
template <PixelType Pixel = std::uint8_t>
Images<Pixel> encode_pixels(const PixelActionsView& pixels, std::size_t height, std::size_t width,
                            const EncodeOptions& options = {}) {
  check(1 <= std::min(height, width) && std::max(height, width) <= Camera::max_size, "codec::encode_pixels",
        "height, width", "1..16384 px", text_of(height, ", ", width));
  auto images = Images<Pixel>::from_shape({pixels.views, pixels.frames, height, width, 3});
  encode_pixels_into(pixels, view_of(images), options);
  return images;
}

/// Actions from the pixel actions of two views or more: each point is triangulated, the rotation is the one nearest to
/// the two axes, the openness is the mean of the views. nullopt for a frame of which a point is seen by fewer than two
/// views or whose points are no gripper of `options.axis_length`.
/// @throws ShapeError if the views are not those of the rig; ValueError for fewer than two views, and as
/// `encode_pixels`.
inline std::vector<std::optional<Action>> actions_from_pixels(const PixelActionsView& pixels, const Rig& rig,
                                                              const EncodeOptions& options = {}) {
  constexpr std::string_view where = "codec::actions_from_pixels";
  check_shape(pixels.views == rig.size(), where, "pixels", text_of('(', rig.size(), ", T, 7)"),
              std::array<std::size_t, 3>{pixels.views, pixels.frames, 7});
  check(rig.size() >= 2, where, "rig", "two views or more", rig.size());
  check_frames(rig, pixels.frames, where);
  detail::check_pixel_actions(pixels, where);
  check_drawing(1.0, options.axis_length, where);
  std::vector<std::optional<Action>> actions(pixels.frames);
  for (std::size_t time = 0; time < pixels.frames; ++time) {
    const auto points = detail::points_from_views(pixels, rig, time, options.convention);
    const auto fitted = points ? rotation_from_points(*points, options.axis_length) : std::nullopt;
    if (!fitted) continue;
    double openness = 0.0;
    for (std::size_t view = 0; view < rig.size(); ++view) openness += pixels.row(view, time)[6];
    actions[time] = {points->col(position_point), euler_from_rotation(fitted->rotation),
                     std::clamp(openness / static_cast<double>(rig.size()), 0.0, 1.0)};
  }
  return actions;
}

}  // namespace action_images
