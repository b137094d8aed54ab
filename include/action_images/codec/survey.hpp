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

#include <action_images/codec/array.hpp>

namespace action_images {

/// Response in [0, 1] of a pixel value.
template <PixelType Pixel>
float response_of(Pixel value) {
  if constexpr (std::is_same_v<Pixel, float>) return value;
  return static_cast<float>(value) * (1.0F / 255.0F);
}

/// Counts and sums of responses in 256 equal classes of [0, 1].
class ResponseHistogram {
 public:
  static constexpr std::size_t classes = 256;

  template <PixelType Pixel>
  void add(Pixel value) {
    if constexpr (std::is_same_v<Pixel, float>) {
      const auto index = static_cast<std::size_t>(std::clamp(value, 0.0F, 1.0F) * 255.0F + 0.5F);
      ++counts_[index];
      sums_[index] += value;
    } else {
      ++counts_[value];
      sums_[value] += value * (1.0 / 255.0);
    }
  }

  void add(const ResponseHistogram& other) {
    for (std::size_t i = 0; i < classes; ++i) {
      counts_[i] += other.counts_[i];
      sums_[i] += other.sums_[i];
    }
  }

  struct Level {
    double mean = 0.0;   ///< of the middle half of the responses
    double share = 0.0;  ///< of all responses that are close to it
  };

  /// The prevailing response among those below `limit`: the mean of their middle half, robust against outliers.
  /// nullopt if nothing lies below.
  std::optional<Level> level_below(double limit) const {
    const auto end = static_cast<std::size_t>(std::clamp(limit, 0.0, 1.0) * 255.0 + 0.5);
    const auto below = static_cast<double>(count(0, end));
    if (below == 0.0) return std::nullopt;
    double sum = 0.0;
    double passed = 0.0;
    for (std::size_t i = 0; i < end; ++i) {
      const auto size = static_cast<double>(counts_[i]);
      const double inside = std::min(passed + size, 0.75 * below) - std::max(passed, 0.25 * below);
      if (inside > 0.0) sum += inside * sums_[i] / size;
      passed += size;
    }
    const double mean = sum / (0.5 * below);
    return Level{mean, share_around(mean)};
  }

 private:
  double share_around(double level) const {
    constexpr std::size_t reach = 15;
    const auto middle = static_cast<std::size_t>(std::clamp(level, 0.0, 1.0) * 255.0 + 0.5);
    const std::uint64_t close = count(middle - std::min(middle, reach), std::min(middle + reach + 1, classes));
    return static_cast<double>(close) / static_cast<double>(count(0, classes));
  }

  std::uint64_t count(std::size_t begin, std::size_t end) const {
    std::uint64_t total = 0;
    for (std::size_t i = begin; i < end; ++i) total += counts_[i];
    return total;
  }

  std::array<std::uint64_t, classes> counts_{};
  std::array<double, classes> sums_{};
};

/// Mean responses of one channel in square cells of about one sigma.
struct CellMap {
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::size_t cell = 1;  ///< side of a cell [px]
  std::vector<float> means;

  /// Mean over a cell and its neighbours with weights 1 2 1 per axis.
  float smooth(std::size_t row, std::size_t column) const {
    float sum = 0.0F;
    float weights = 0.0F;
    for (std::size_t i = row - std::min<std::size_t>(row, 1); i <= std::min(row + 1, rows - 1); ++i) {
      for (std::size_t j = column - std::min<std::size_t>(column, 1); j <= std::min(column + 1, columns - 1); ++j) {
        const float weight = (i == row ? 2.0F : 1.0F) * (j == column ? 2.0F : 1.0F);
        sum += weight * means[i * columns + j];
        weights += weight;
      }
    }
    return sum / weights;
  }

  /// Index coordinates (x, y) of the middle of the cell with the largest smoothed mean [px].
  std::array<double, 2> mode() const {
    std::size_t best = 0;
    float largest = -1.0F;
    for (std::size_t i = 0; i < means.size(); ++i) {
      const float value = smooth(i / columns, i % columns);
      if (value > largest) {
        largest = value;
        best = i;
      }
    }
    const double side = static_cast<double>(cell);
    return {(static_cast<double>(best % columns) + 0.5) * side - 0.5,
            (static_cast<double>(best / columns) + 0.5) * side - 0.5};
  }

  /// Response away from the blob: the lower quartile of the cells.
  double floor() const {
    std::vector<float> sorted = means;
    const auto quartile = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 4);
    std::nth_element(sorted.begin(), quartile, sorted.end());
    return *quartile;
  }
};

/// One quick pass over a picture: where each channel is bright, and how the blue responses are distributed.
struct Survey {
  std::array<CellMap, 3> cells;
  ResponseHistogram blue;
};

/// @param picture  one picture (H, W, 3).   @param sigma  expected size of the blobs [px].
template <PixelType Pixel>
Survey survey_picture(const ImagesView<const Pixel>& picture, double sigma) {
  const auto stride = static_cast<std::size_t>(std::max(1.0, std::floor(sigma / 6.0)));
  const auto samples = static_cast<std::size_t>(std::max(1.0, std::round(sigma / static_cast<double>(stride))));
  Survey survey;
  CellMap map;
  map.cell = stride * samples;
  map.rows = (picture.height + map.cell - 1) / map.cell;
  map.columns = (picture.width + map.cell - 1) / map.cell;
  map.means.assign(map.rows * map.columns, 0.0F);
  survey.cells.fill(map);
  std::vector<float> counts(map.means.size(), 0.0F);
  for (std::size_t y = 0; y < picture.height; y += stride) {
    const Pixel* const row = picture.data + y * picture.width * 3;
    for (std::size_t column = 0; column < map.columns; ++column) {
      const std::size_t index = y / map.cell * map.columns + column;
      const std::size_t end = std::min((column + 1) * map.cell, picture.width);
      std::array<float, 3> sums{};
      for (std::size_t x = column * map.cell; x < end; x += stride) {
        for (std::size_t channel = 0; channel < 3; ++channel) sums[channel] += response_of(row[3 * x + channel]);
        survey.blue.add(row[3 * x + 2]);
        counts[index] += 1.0F;
      }
      for (std::size_t channel = 0; channel < 3; ++channel) survey.cells[channel].means[index] += sums[channel];
    }
  }
  for (CellMap& cells : survey.cells) {
    for (std::size_t i = 0; i < counts.size(); ++i) cells.means[i] /= counts[i];
  }
  return survey;
}

}  // namespace action_images
