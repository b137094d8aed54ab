// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include <action_images/codec/histogram.hpp>

namespace action_images {

/// Which pixels of a picture are looked at first: every `row_stride`-th row, every `column_stride`-th column.
struct SurveyGrid {
  std::size_t row_stride = 1;
  std::size_t column_stride = 1;
  std::size_t cell = 1;  ///< side of a cell, about one sigma, a multiple of both strides [px]
};

/// About three rows and six columns per sigma, and at least some 128 of each per picture; every pixel for small blobs.
inline SurveyGrid survey_grid(double sigma, std::size_t height, std::size_t width) {
  const auto per_sigma = static_cast<std::size_t>(std::max(1.0, std::floor(sigma / 6.0)));
  SurveyGrid grid;
  grid.column_stride = std::min(per_sigma, std::max<std::size_t>(1, width / 64));
  grid.row_stride = sigma < 6.0 ? 1 : std::min(3 * grid.column_stride, std::max<std::size_t>(1, height / 32));
  grid.row_stride = std::max<std::size_t>(1, grid.row_stride / grid.column_stride) * grid.column_stride;
  const auto step = static_cast<double>(grid.row_stride);
  grid.cell = grid.row_stride * static_cast<std::size_t>(std::max(1.0, std::round(sigma / step)));
  return grid;
}

/// Mean responses of one channel in square cells of about one sigma.
struct CellMap {
  std::size_t rows = 0;
  std::size_t columns = 0;
  SurveyGrid grid;
  std::vector<float> means;  ///< rows x columns

  void resize(std::size_t height, std::size_t width, const SurveyGrid& sampling) {
    grid = sampling;
    rows = (height + grid.cell - 1) / grid.cell;
    columns = (width + grid.cell - 1) / grid.cell;
    means.assign(rows * columns, 0.0F);
  }

  float at(std::size_t row, std::size_t column) const { return means[row * columns + column]; }

  /// Index coordinates of the middle of a cell's samples [px].
  double x(std::size_t column) const { return middle(column, grid.column_stride); }
  double y(std::size_t row) const { return middle(row, grid.row_stride); }

  /// Mean over a cell and its neighbours with weights 1 2 1 per axis.
  float smooth(std::size_t row, std::size_t column) const {
    float sum = 0.0F;
    float weights = 0.0F;
    for (std::size_t i = row - std::min<std::size_t>(row, 1); i <= std::min(row + 1, rows - 1); ++i) {
      for (std::size_t j = column - std::min<std::size_t>(column, 1); j <= std::min(column + 1, columns - 1); ++j) {
        const float weight = (i == row ? 2.0F : 1.0F) * (j == column ? 2.0F : 1.0F);
        sum += weight * at(i, j);
        weights += weight;
      }
    }
    return sum / weights;
  }

  struct Mode {
    std::size_t row;
    std::size_t column;
    float mean;  ///< smoothed
  };

  /// The cell with the largest smoothed mean.
  Mode mode() const {
    Mode best{0, 0, -1.0F};
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < columns; ++j) {
        if (at(i, j) <= 0.5F * best.mean) continue;
        const float value = smooth(i, j);
        if (value > best.mean) best = {i, j, value};
      }
    }
    return best;
  }

  /// Response away from the blob: the lower quartile of the cells.
  /// @param scratch  memory to be used again.
  double floor(std::vector<float>& scratch) const {
    scratch.assign(means.begin(), means.end());
    const auto quartile = scratch.begin() + static_cast<std::ptrdiff_t>(scratch.size() / 4);
    std::nth_element(scratch.begin(), quartile, scratch.end());
    return *quartile;
  }

 private:
  double middle(std::size_t index, std::size_t stride) const {
    return static_cast<double>(index * grid.cell) + 0.5 * static_cast<double>(grid.cell - stride);
  }
};

/// One quick look at a picture: where each channel is bright, and how the blue responses are distributed.
struct Survey {
  SurveyGrid grid;
  std::array<CellMap, 3> cells;
  ResponseHistogram blue;
};

namespace detail {

/// Counts of blue values; several tables, so that equal values in a row do not wait for each other.
template <PixelType Pixel>
class BlueTally {
 public:
  void add(Pixel value, std::size_t turn) {
    if constexpr (std::is_same_v<Pixel, float>) {
      histogram_.add(value);
    } else {
      ++counts_[turn % tables][value];
    }
  }

  ResponseHistogram histogram() {
    if constexpr (!std::is_same_v<Pixel, float>) {
      for (std::size_t i = 0; i < ResponseHistogram::classes; ++i) {
        std::uint64_t count = 0;
        for (const auto& table : counts_) count += table[i];
        if (count > 0) histogram_.add(static_cast<std::uint8_t>(i), count);
      }
    }
    return histogram_;
  }

 private:
  static constexpr std::size_t tables = 4;
  std::array<std::array<std::uint32_t, ResponseHistogram::classes>, std::is_same_v<Pixel, float> ? 0 : tables>
      counts_{};
  ResponseHistogram histogram_;
};

/// Adds row `y` of a picture to the cells.
template <PixelType Pixel>
void survey_row(const ImagesView<const Pixel>& picture, std::size_t y, Survey& survey, BlueTally<Pixel>& tally) {
  using Sum = std::conditional_t<std::is_same_v<Pixel, float>, float, std::uint32_t>;
  const std::size_t width = picture.width;
  const Pixel* const row = picture.data + 3 * y * width;
  const Pixel* const next =
      row + (y + survey.grid.row_stride < picture.height ? 3 * survey.grid.row_stride * width : 0);
  const std::size_t stride = survey.grid.column_stride;
  const std::size_t columns = survey.cells[0].columns;
  std::array<float*, 3> means;
  for (std::size_t c = 0; c < 3; ++c) means[c] = survey.cells[c].means.data() + y / survey.grid.cell * columns;
  std::size_t x = 0;
  for (std::size_t column = 0; column < columns; ++column) {
    const std::size_t end = std::min((column + 1) * survey.grid.cell, width);
    for (std::size_t ahead = 3 * x; ahead < 3 * end; ahead += 64 / sizeof(Pixel)) prefetch(next + ahead);
    Sum red = 0;
    Sum green = 0;
    Sum blue = 0;
    for (std::size_t turn = 0; x < end; x += stride, ++turn) {
      const Pixel* const pixel = row + 3 * x;
      red += pixel[0];
      green += pixel[1];
      blue += pixel[2];
      tally.add(pixel[2], turn);
    }
    means[0][column] += static_cast<float>(red);
    means[1][column] += static_cast<float>(green);
    means[2][column] += static_cast<float>(blue);
  }
}

/// Turns sums into means.
template <PixelType Pixel>
void average_cells(Survey& survey, std::size_t height, std::size_t width) {
  const auto samples = [&](std::size_t index, std::size_t size, std::size_t stride) {
    const std::size_t cell = survey.grid.cell;
    return static_cast<float>((std::min(cell, size - index * cell) + stride - 1) / stride);
  };
  constexpr float scale = std::is_same_v<Pixel, float> ? 1.0F : 1.0F / 255.0F;
  for (CellMap& map : survey.cells) {
    for (std::size_t i = 0; i < map.rows; ++i) {
      const float rows = samples(i, height, survey.grid.row_stride);
      for (std::size_t j = 0; j < map.columns; ++j) {
        map.means[i * map.columns + j] *= scale / (rows * samples(j, width, survey.grid.column_stride));
      }
    }
  }
}

}  // namespace detail

/// @param picture  one picture (H, W, 3).   @param sigma  expected size of the blobs [px].
/// @param survey   result; its memory is used again.
template <PixelType Pixel>
void survey_picture(const ImagesView<const Pixel>& picture, double sigma, Survey& survey) {
  survey.grid = survey_grid(sigma, picture.height, picture.width);
  for (CellMap& map : survey.cells) map.resize(picture.height, picture.width, survey.grid);
  detail::BlueTally<Pixel> tally;
  for (std::size_t y = 0; y < picture.height; y += survey.grid.row_stride) {
    detail::survey_row(picture, y, survey, tally);
  }
  detail::average_cells<Pixel>(survey, picture.height, picture.width);
  survey.blue = tally.histogram();
}

}  // namespace action_images
