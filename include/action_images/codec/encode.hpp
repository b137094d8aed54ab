// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

#include <action_images/codec/action.hpp>
#include <action_images/codec/array.hpp>
#include <action_images/codec/convention.hpp>
#include <action_images/codec/rig.hpp>

namespace action_images {

struct EncodeOptions {
  Convention convention = Convention::paper;
  std::optional<double> sigma{};  ///< of the Gaussians [px]; 0.05 * min(H, W) if not given
  double axis_length = 0.1;       ///< distance of the normal and up points from the position [m]
};

namespace detail {

/// Pixel value of a response in [0, 1].
template <PixelType Pixel>
Pixel pixel_of(float response) {
  if constexpr (std::is_same_v<Pixel, float>) return response;
  return static_cast<Pixel>(response * 255.0F + 0.5F);
}

/// One axis of a separable Gaussian: responses at the indices first, first + 1, ... that can be seen in a pixel.
struct GaussianProfile {
  std::size_t first = 0;
  std::vector<float> responses;

  /// @param center  index coordinate of the maximum [px].   @param radius  beyond which responses are not seen [px].
  GaussianProfile(double center, double sigma, double radius, std::size_t size) {
    const double last_index = static_cast<double>(size) - 1.0;
    const double begin = std::ceil(std::max(center - radius, 0.0));
    const double end = std::floor(std::min(center + radius, last_index));
    if (!(begin <= end)) return;
    first = static_cast<std::size_t>(begin);
    for (double i = begin; i <= end; ++i) {
      responses.push_back(static_cast<float>(std::exp(-0.5 * (i - center) * (i - center) / (sigma * sigma))));
    }
  }
};

/// Distance in sigmas at which a Gaussian falls below what a pixel can hold.
template <PixelType Pixel>
constexpr double visible_sigmas() {
  return std::is_same_v<Pixel, float> ? 6.0 : 3.54;  // exp(-r^2/2) < 2^-24 and < 0.5/255
}

/// Draws one Gaussian into one channel of a picture (H, W, 3); responses up to `keep_above` leave the pixel as it is.
template <PixelType Pixel>
void draw_gaussian(Pixel* channel, std::size_t width, const GaussianProfile& along_x, const GaussianProfile& along_y,
                   float keep_above) {
  for (std::size_t row = 0; row < along_y.responses.size(); ++row) {
    Pixel* const pixels = channel + ((along_y.first + row) * width + along_x.first) * 3;
    const float row_response = along_y.responses[row];
    for (std::size_t column = 0; column < along_x.responses.size(); ++column) {
      const float response = row_response * along_x.responses[column];
      if (response > keep_above) pixels[3 * column] = pixel_of<Pixel>(response);
    }
  }
}

template <PixelType Pixel>
void fill_background(const ImagesView<Pixel>& picture, double openness) {
  const Pixel blue = pixel_of<Pixel>(static_cast<float>(background_level * openness));
  const std::size_t row_size = 3 * picture.width;
  for (std::size_t i = 0; i < row_size; ++i) picture.data[i] = i % 3 == 2 ? blue : Pixel{0};
  for (std::size_t row = 1; row < picture.height; ++row) {
    std::copy_n(picture.data, row_size, picture.data + row * row_size);
  }
}

}  // namespace detail

/// Where the three points of an action are seen in one view, by PointIndex [px]; nullopt: not in front of the camera.
using PixelPoints = std::array<std::optional<Eigen::Vector2d>, 3>;

inline PixelPoints project_points(const ActionPoints& points, const Camera& camera) {
  return {camera.project(points.col(0)), camera.project(points.col(1)), camera.project(points.col(2))};
}

/// Draws the action image of one view: every pixel of `picture` (H, W, 3) is written. Paper Eq. 3-5.
/// @param sigma of the Gaussians [px].
template <PixelType Pixel>
void draw_action_image(const PixelPoints& points, double openness, Convention convention, double sigma,
                       const ImagesView<Pixel>& picture) {
  const PixelLayout layout = layout_of(convention);
  if (layout.binary_openness) openness = openness > 0.5 ? 1.0 : 0.0;
  detail::fill_background(picture, openness);
  const double radius = detail::visible_sigmas<Pixel>() * sigma;
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const auto& pixel = points[static_cast<std::size_t>(layout.point_of_channel[channel])];
    if (!pixel || !pixel->allFinite()) continue;
    const Eigen::Vector2d center = pixel->array() - layout.pixel_offset;
    const detail::GaussianProfile along_x(center.x(), sigma, radius, picture.width);
    const detail::GaussianProfile along_y(center.y(), sigma, radius, picture.height);
    const float keep_above = channel == 2 ? static_cast<float>(background_level) : 0.0F;
    detail::draw_gaussian(picture.data + channel, picture.width, along_x, along_y, keep_above);
  }
}

/// `encode` into memory that the caller owns; every pixel is written.
/// @throws ShapeError if `images` is not (V, T, H, W, 3) of the rig and the actions.
template <PixelType Pixel>
void encode_into(const Trajectory& actions, const Rig& rig, const ImagesView<Pixel>& images,
                 const EncodeOptions& options = {}) {
  const double sigma = sigma_of(options.sigma, rig);
  check_drawing(sigma, options.axis_length, "codec::encode");
  check_trajectory(actions, "codec::encode");
  check_frames(rig, actions.size(), "codec::encode");
  const ImagesView<Pixel> expected{images.data, rig.size(), actions.size(), static_cast<std::size_t>(rig.height()),
                                   static_cast<std::size_t>(rig.width())};
  check_shape(images.shape() == expected.shape(), "codec::encode", "out", shape_text(expected.shape()), images.shape());
  for (std::size_t time = 0; time < actions.size(); ++time) {
    const ActionPoints points = points_of(actions[time], options.axis_length);
    for (std::size_t view = 0; view < rig.size(); ++view) {
      const ImagesView<Pixel> picture{images.frame(view, time), 1, 1, images.height, images.width};
      draw_action_image(project_points(points, rig.camera(view, time)), actions[time].openness, options.convention,
                        sigma, picture);
    }
  }
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
