// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <Eigen/Core>

// The one place that includes xtensor: its headers moved between versions.
#if __has_include(<xtensor/containers/xtensor.hpp>)
#include <xtensor/containers/xtensor.hpp>
#else
#include <xtensor/xtensor.hpp>
#endif

#include <action_images/codec/huge_pages.hpp>
#include <action_images/core/check.hpp>

namespace action_images {

/// The two kinds of pixels: uint8 in [0, 255], float in [0, 1].
template <typename Pixel>
concept PixelType = std::same_as<Pixel, std::uint8_t> || std::same_as<Pixel, float>;

/// A row-major array whose memory is of huge pages once it is large.
template <typename Value, std::size_t Axes>
using LargeArray = xt::xtensor<Value, Axes, xt::layout_type::row_major, HugePageAllocator<Value>>;

/// Pixels of every view and frame, (V, T, H, W, 3), row-major, channels red, green, blue.
template <PixelType Pixel = std::uint8_t>
using Images = LargeArray<Pixel, 5>;

/// Images that somebody else owns: (V, T, H, W, 3), row-major and contiguous. Pixel may be const.
template <typename Pixel>
struct ImagesView {
  Pixel* data = nullptr;
  std::size_t views = 0;
  std::size_t frames = 0;
  std::size_t height = 0;
  std::size_t width = 0;

  /// First value of the picture (H, W, 3) of one view at one time step.
  Pixel* frame(std::size_t view, std::size_t time) const { return data + (view * frames + time) * height * width * 3; }

  std::size_t size() const { return views * frames * height * width * 3; }

  std::array<std::size_t, 5> shape() const { return {views, frames, height, width, 3}; }
};

/// View of an array (V, T, H, W, 3).
/// @throws ShapeError if the last axis is not 3.
template <PixelType Pixel>
ImagesView<const Pixel> view_of(const Images<Pixel>& images) {
  const auto& shape = images.shape();
  check_shape(shape[4] == 3, "codec::view_of", "images", "(V, T, H, W, 3)", shape);
  return {images.data(), shape[0], shape[1], shape[2], shape[3]};
}

template <PixelType Pixel>
ImagesView<Pixel> view_of(Images<Pixel>& images) {
  const auto view = view_of(static_cast<const Images<Pixel>&>(images));
  return {images.data(), view.views, view.frames, view.height, view.width};
}

/// Where the three points of actions are seen in every view, (V, T, 7): [red x, red y, green x, green y, blue x, blue
/// y, openness]; pixels as `Camera::project` gives them (x right, y down), NaN for a point that a view does not see.
/// Which points green and blue are is the convention's. The release's `--view1_action` is one view of it.
using PixelActions = xt::xtensor<double, 3>;

/// Pixel actions that somebody else owns: (V, T, 7), row-major and contiguous.
struct PixelActionsView {
  const double* data = nullptr;
  std::size_t views = 0;
  std::size_t frames = 0;

  const double* row(std::size_t view, std::size_t time) const { return data + (view * frames + time) * 7; }
};

/// @throws ShapeError if the last axis is not 7.
inline PixelActionsView view_of(const PixelActions& pixels) {
  const auto& shape = pixels.shape();
  check_shape(shape[2] == 7, "codec::view_of", "pixels", "(V, T, 7)", shape);
  return {pixels.data(), shape[0], shape[1]};
}

/// Throws ValueError if float pixels are not finite or plainly not in [0, 1] (half a unit of overshoot is let pass).
inline void check_pixel_range(const ImagesView<const float>& images, std::string_view where) {
  if (images.size() == 0) return;
  const Eigen::Map<const Eigen::ArrayXf> pixels(images.data, static_cast<Eigen::Index>(images.size()));
  if ((pixels - 0.5F).abs().maxCoeff<Eigen::PropagateNaN>() < 1.0F) return;  // at 1 the difference may be rounded
  const float* const end = images.data + images.size();
  const auto outside = [](float value) { return !(value >= -0.5F && value <= 1.5F); };
  const float* const found = std::find_if(images.data, end, outside);
  check(found == end, where, "images", "finite values in [0, 1]", found == end ? 0.0F : *found);
}

inline void check_pixel_range(const ImagesView<const std::uint8_t>&, std::string_view) {}

}  // namespace action_images
