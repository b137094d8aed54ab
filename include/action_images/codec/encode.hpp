// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include <action_images/codec/action.hpp>
#include <action_images/codec/array.hpp>
#include <action_images/codec/convention.hpp>
#include <action_images/codec/gaussian_canvas.hpp>
#include <action_images/codec/rig.hpp>
#include <action_images/core/parallel.hpp>

namespace action_images {

struct EncodeOptions {
  Convention convention = Convention::paper;
  std::optional<double> sigma{};        ///< of the Gaussians [px]; 0.05 * min(H, W) if not given
  double axis_length = 0.1;             ///< distance of the normal and up points from the position [m]
  double threshold = background_level;  ///< blue responses up to this give way to the background, threshold * openness
  std::size_t threads = 0;  ///< 0: one for every core, 1: the caller alone; the pixels are the same for any number
};

/// Where the three points of an action are seen in one view, by PointIndex [px]; nullopt: not in front of the camera.
using PixelPoints = std::array<std::optional<Eigen::Vector2d>, 3>;

inline PixelPoints project_points(const ActionPoints& points, const Camera& camera) {
  return {camera.project(points.col(0)), camera.project(points.col(1)), camera.project(points.col(2))};
}

namespace detail {

inline GaussianDrawing drawing_of(const PixelPoints& points, double openness, const PixelLayout& layout) {
  if (layout.binary_openness) openness = openness > 0.5 ? 1.0 : 0.0;
  GaussianDrawing drawing{{}, static_cast<float>(layout.threshold * openness)};
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const auto& pixel = points[static_cast<std::size_t>(layout.point_of_channel[channel])];
    if (pixel) drawing.centers[channel] = {pixel->x() - layout.pixel_offset, pixel->y() - layout.pixel_offset};
  }
  return drawing;
}

}  // namespace detail

/// Draws the action image of one view: every pixel of `picture` (H, W, 3) is written. Paper Eq. 3-5.
/// @param layout  `layout_of` a convention.   @param sigma  of the Gaussians [px].
template <PixelType Pixel>
void draw_action_image(const PixelPoints& points, double openness, const PixelLayout& layout, double sigma,
                       const ImagesView<Pixel>& picture) {
  detail::GaussianCanvas<Pixel> canvas(picture.height, picture.width, sigma, layout.threshold);
  canvas.draw(detail::drawing_of(points, openness, layout), picture.data);
}

/// `encode` into memory that the caller owns; every pixel is written.
/// @throws ShapeError if `images` is not (V, T, H, W, 3) of the rig and the actions.
template <PixelType Pixel>
void encode_into(const Trajectory& actions, const Rig& rig, const ImagesView<Pixel>& images,
                 const EncodeOptions& options = {}) {
  const double sigma = sigma_of(options.sigma, rig);
  check_drawing(sigma, options.axis_length, "codec::encode");
  check_threshold(options.threshold, "codec::encode");
  check_trajectory(actions, "codec::encode");
  check_frames(rig, actions.size(), "codec::encode");
  const ImagesView<Pixel> expected{images.data, rig.size(), actions.size(), static_cast<std::size_t>(rig.height()),
                                   static_cast<std::size_t>(rig.width())};
  check_shape(images.shape() == expected.shape(), "codec::encode", "out", shape_text(expected.shape()), images.shape());
  const std::size_t pictures = images.views * images.frames;
  const std::size_t threads = threads_for(pictures, options.threads, images.size() * sizeof(Pixel));
  std::vector<detail::GaussianCanvas<Pixel>> canvases(threads, {images.height, images.width, sigma, options.threshold});
  const PixelLayout layout = layout_of(options.convention, options.threshold);
  parallel_for(pictures, threads, [&](std::size_t picture, std::size_t thread) {
    const std::size_t view = picture / images.frames;
    const std::size_t time = picture % images.frames;
    const Action& action = actions[time];
    const PixelPoints points = project_points(points_of(action, options.axis_length), rig.camera(view, time));
    canvases[thread].draw(detail::drawing_of(points, action.openness, layout), images.frame(view, time));
  });
}

/// Action images of a trajectory: the position, normal and up points of every action as Gaussians of height 1 in the
/// channels of every view, the openness in the background of the blue one. A point behind a camera is not drawn.
/// @param actions  T actions, openness in [0, 1].   @param rig  V views.
/// @return (V, T, H, W, 3), uint8 (rounded) or, as encode<float>, float in [0, 1].
/// @throws ValueError if an action is not finite or an option is out of range.   @see paper Sec. 3.1
template <PixelType Pixel = std::uint8_t>
Images<Pixel> encode(const Trajectory& actions, const Rig& rig, const EncodeOptions& options = {}) {
  auto images = Images<Pixel>::from_shape(
      {rig.size(), actions.size(), static_cast<std::size_t>(rig.height()), static_cast<std::size_t>(rig.width()), 3});
  encode_into(actions, rig, view_of(images), options);
  return images;
}

}  // namespace action_images
