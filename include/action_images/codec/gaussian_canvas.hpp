// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>
#include <vector>

#include <action_images/codec/array.hpp>

/// How `encode` draws: separable Gaussians, a band of rows at a time.
namespace action_images::detail {

/// Value of a response of 1, and what is added before the fraction is cut off: uint8 is floor(255 G + 0.5).
template <PixelType Pixel>
inline constexpr float full_value = std::is_same_v<Pixel, float> ? 1.0F : 255.0F;
template <PixelType Pixel>
inline constexpr float rounding = std::is_same_v<Pixel, float> ? 0.0F : 0.5F;

template <PixelType Pixel>
Pixel truncated(float value) {
  if constexpr (std::is_same_v<Pixel, float>) return value;
  return static_cast<Pixel>(static_cast<int>(value));
}

/// Pixel value of a response in [0, 1].
template <PixelType Pixel>
Pixel pixel_of(float response) {
  return truncated<Pixel>(response * full_value<Pixel> + rounding<Pixel>);
}

/// Distance in sigmas at which a Gaussian has fallen below what a pixel can hold: 2^-24, and 0.5 / 255.
template <PixelType Pixel>
inline constexpr double visible_sigmas = std::is_same_v<Pixel, float> ? 6.0 : 3.54;

/// Indices first, first + 1, ..., end - 1.
struct IndexRange {
  std::size_t first = 0;
  std::size_t end = 0;

  /// The indices 0 .. size - 1 that lie within `radius` of `center`; none if they are not finite.
  static IndexRange around(double center, double radius, std::size_t size) {
    const double begin = std::ceil(std::max(center - radius, 0.0));
    const double last = std::floor(std::min(center + radius, static_cast<double>(size) - 1.0));
    if (!(begin <= last)) return {};
    return {static_cast<std::size_t>(begin), static_cast<std::size_t>(last) + 1};
  }

  bool empty() const { return first >= end; }
  bool has(std::size_t index) const { return first <= index && index < end; }

  /// The smallest range that holds both.
  IndexRange joined(const IndexRange& other) const {
    if (empty() || other.empty()) return empty() ? other : *this;
    return {std::min(first, other.first), std::max(end, other.end)};
  }
};

/// Writes exp(-(i - center)^2 / (2 sigma^2)) to values[3 i] for every index i of the range. The ratios of neighbours
/// are a geometric series: from the index next to the maximum outwards, two products give the next value.
inline void write_gaussian(double center, double sigma, const IndexRange& range, float* values) {
  if (range.empty()) return;
  const auto middle =
      std::clamp(std::round(center), static_cast<double>(range.first), static_cast<double>(range.end - 1));
  const double distance = (middle - center) / sigma;
  const double step = 1.0 / sigma;
  const double top = std::exp(-0.5 * distance * distance);
  const double ratio_of_ratios = std::exp(-step * step);
  const auto start = static_cast<std::size_t>(middle);
  double response = top;
  double ratio = std::exp(-step * (0.5 * step + distance));
  for (std::size_t i = start; i < range.end; ++i, response *= ratio, ratio *= ratio_of_ratios) {
    values[3 * i] = static_cast<float>(response);
  }
  response = top;
  ratio = std::exp(-step * (0.5 * step - distance));
  for (std::size_t i = start; i > range.first; --i, ratio *= ratio_of_ratios) {
    response *= ratio;
    values[3 * (i - 1)] = static_cast<float>(response);
  }
}

/// Index coordinates of a maximum [px]; NaN: not to be seen.
struct Center {
  double x = std::numeric_limits<double>::quiet_NaN();
  double y = std::numeric_limits<double>::quiet_NaN();
};

/// What is to be seen in one picture.
struct GaussianDrawing {
  std::array<Center, 3> centers;  ///< of red, green and blue
  float background = 0.0F;        ///< of blue, 0..threshold
};

/// Draws pictures of one size, with memory for a band of rows that stays in the nearest cache: one for every thread.
///
/// A row is a Gaussian along x times one number for each channel. The Gaussians of the channels are interleaved as
/// pixels are, so that a block of pixels is one product of vectors, with the background as an offset.
template <PixelType Pixel>
class GaussianCanvas {
 public:
  GaussianCanvas(std::size_t height, std::size_t width, double sigma, double threshold)
      : height_(height),
        width_(width),
        sigma_(sigma),
        blue_sigmas_(std::sqrt(-2.0 * std::log(threshold))),
        along_x_(3 * (width + block_pixels)),
        along_y_(3 * height),
        blank_(3 * width * band_rows),
        band_(3 * (width * band_rows + block_pixels)) {}

  /// Writes all values of `picture` (H, W, 3).
  void draw(const GaussianDrawing& drawing, Pixel* picture) {
    set_background(drawing.background);
    set_centers(drawing.centers);
    for (std::size_t row = 0; row < height_; row += band_rows) {
      const std::size_t rows = std::min(band_rows, height_ - row);
      const bool drawn = draw_band(row, rows);
      std::copy_n(drawn ? band_.data() : blank_.data(), rows * 3 * width_, picture + row * 3 * width_);
    }
  }

 private:
  static constexpr std::size_t block_pixels = 16;  ///< drawn at once
  static constexpr std::size_t block_values = 3 * block_pixels;
  static constexpr std::size_t band_rows = 16 / sizeof(Pixel);

  void set_background(float background) {
    const Pixel blue = pixel_of<Pixel>(background);
    for (std::size_t x = 0; x < width_; ++x) blank_[3 * x + 2] = blue;
    for (std::size_t row = 1; row < band_rows; ++row) {
      std::copy_n(blank_.data(), 3 * width_, blank_.data() + 3 * width_ * row);
    }
    offsets_.fill(rounding<Pixel>);
    for (std::size_t x = 0; x < block_pixels; ++x) offsets_[3 * x + 2] += static_cast<float>(blue);
  }

  void set_centers(const std::array<Center, 3>& centers) {
    std::fill(along_x_.begin(), along_x_.end(), 0.0F);
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const Center& center = centers[channel];
      rows_[channel] = IndexRange::around(center.y, radius(channel), height_);
      write_gaussian(center.x, sigma_, IndexRange::around(center.x, radius(channel), width_),
                     along_x_.data() + channel);
      write_gaussian(center.y, sigma_, rows_[channel], along_y_.data() + channel);
      centers_[channel] = center;
    }
  }

  double radius(std::size_t channel) const { return sigma_ * (channel == 2 ? blue_sigmas_ : visible_sigmas<Pixel>); }

  /// The columns in which a channel is to be seen: a row of a disc.
  IndexRange columns(std::size_t channel, std::size_t row) const {
    if (!rows_[channel].has(row)) return {};
    const double distance = static_cast<double>(row) - centers_[channel].y;
    const double half_squared = radius(channel) * radius(channel) - distance * distance;
    return IndexRange::around(centers_[channel].x, std::sqrt(std::max(half_squared, 0.0)), width_);
  }

  /// False, and nothing is written, if these rows have nothing but background.
  bool draw_band(std::size_t first, std::size_t rows) {
    const auto seen = [&](const IndexRange& range) { return range.first < first + rows && first < range.end; };
    if (std::none_of(rows_.begin(), rows_.end(), seen)) return false;
    std::copy(blank_.begin(), blank_.end(), band_.begin());
    for (std::size_t row = first; row < first + rows; ++row) {
      Pixel* const pixels = band_.data() + (row - first) * 3 * width_;
      draw_red_and_green(row, columns(0, row).joined(columns(1, row)), pixels);
      draw_blue(row, columns(2, row), pixels);
    }
    return true;
  }

  /// Whole blocks: beyond the columns, and in the row below that is drawn later, they write what is there.
  void draw_red_and_green(std::size_t row, const IndexRange& columns, Pixel* pixels) {
    alignas(64) std::array<float, block_values> factors{};
    for (std::size_t channel = 0; channel < 2; ++channel) {
      const float factor = rows_[channel].has(row) ? full_value<Pixel> * along_y_[3 * row + channel] : 0.0F;
      for (std::size_t x = 0; x < block_pixels; ++x) factors[3 * x + channel] = factor;
    }
    for (std::size_t x = columns.first / block_pixels * block_pixels; x < columns.end; x += block_pixels) {
      const float* const responses = along_x_.data() + 3 * x;
      alignas(64) std::array<Pixel, block_values> block;
      for (std::size_t i = 0; i < block_values; ++i) {
        block[i] = truncated<Pixel>(responses[i] * factors[i] + offsets_[i]);
      }
      std::copy(block.begin(), block.end(), pixels + 3 * x);
    }
  }

  void draw_blue(std::size_t row, const IndexRange& columns, Pixel* pixels) {
    for (std::size_t x = columns.first; x < columns.end; ++x) {
      pixels[3 * x + 2] = pixel_of<Pixel>(along_y_[3 * row + 2] * along_x_[3 * x + 2]);
    }
  }

  std::size_t height_;
  std::size_t width_;
  double sigma_;
  double blue_sigmas_;  ///< distance in sigmas at which a Gaussian falls to the threshold: beyond there is background
  std::array<Center, 3> centers_;
  std::array<IndexRange, 3> rows_;  ///< in which a channel is to be seen
  alignas(64) std::array<float, block_values> offsets_{};
  std::vector<float> along_x_;  ///< (W, 3) responses, padded by a block of zeros
  std::vector<float> along_y_;  ///< (H, 3)
  std::vector<Pixel> blank_;    ///< (band_rows, W, 3) of background
  std::vector<Pixel> band_;     ///< the same with Gaussians, padded by a block
};

}  // namespace action_images::detail
