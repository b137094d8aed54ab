// SPDX-License-Identifier: Apache-2.0
#include "axis_filter.hpp"

#include <algorithm>
#include <cmath>

namespace action_images::ffmpeg {
namespace {

/// Weights of neighbouring source samples from `first` on.
struct Row {
  int first = 0;
  std::vector<double> weights;

  int end() const { return first + static_cast<int>(weights.size()); }
};

Row triangle_row(const AxisCrop& crop, int target) {
  const double scale = static_cast<double>(crop.extent) / crop.target;
  const double support = std::max(scale, 1.0);
  const double center = crop.begin + (target + 0.5) * scale;
  Row row{.first = std::max(0, static_cast<int>(std::floor(center - support - 0.5)) + 1), .weights = {}};
  double sum = 0.0;
  for (int i = row.first; i < crop.source; ++i) {
    const double weight = 1.0 - std::abs(i + 0.5 - center) / support;
    if (weight <= 0.0) break;
    row.weights.push_back(weight);
    sum += weight;
  }
  for (double& weight : row.weights) weight /= sum;
  return row;
}

/// The cubic convolution kernel with a = -0.6.
double bicubic(double distance) {
  constexpr double a = -0.6;
  const double d = std::abs(distance);
  if (d < 1.0) return ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
  if (d < 2.0) return a * (((d - 5.0) * d + 8.0) * d - 4.0);
  return 0.0;
}

/// What a row over the full resolution takes from `samples` stored ones; beyond the edge, the edge's.
Row over_stored(const Row& full, int source, int samples) {
  const auto position = [&](int i) { return (i + 0.5) * samples / source - 0.5; };
  const auto left = [&](int i) { return static_cast<int>(std::floor(position(i))); };
  const int begin = std::max(0, left(full.first) - 1);
  const int last = std::min(samples - 1, left(full.end() - 1) + 2);
  Row row{begin, std::vector<double>(static_cast<std::size_t>(last - begin + 1), 0.0)};
  for (int i = full.first; i < full.end(); ++i) {
    const double weight = full.weights[static_cast<std::size_t>(i - full.first)];
    for (int k = left(i) - 1; k <= left(i) + 2; ++k) {
      row.weights[static_cast<std::size_t>(std::clamp(k, 0, samples - 1) - begin)] += weight * bicubic(position(i) - k);
    }
  }
  return row;
}

/// Rows of equal length within the source.
AxisFilter pack(const std::vector<Row>& rows, int source) {
  AxisFilter filter;
  for (const Row& row : rows) filter.taps = std::max(filter.taps, static_cast<int>(row.weights.size()));
  for (const Row& row : rows) {
    const int first = std::min(row.first, source - filter.taps);
    filter.first.push_back(first);
    for (int i = first; i < first + filter.taps; ++i) {
      const bool inside = i >= row.first && i < row.end();
      filter.weights.push_back(inside ? static_cast<float>(row.weights[static_cast<std::size_t>(i - row.first)])
                                      : 0.0F);
    }
  }
  return filter;
}

}  // namespace

int AxisFilter::begin() const { return *std::min_element(first.begin(), first.end()); }
int AxisFilter::end() const { return *std::max_element(first.begin(), first.end()) + taps; }

AxisFilter triangle_filter(const AxisCrop& crop) {
  std::vector<Row> rows;
  for (int i = 0; i < crop.target; ++i) rows.push_back(triangle_row(crop, i));
  return pack(rows, crop.source);
}

AxisFilter subsampled_filter(const AxisCrop& crop, int samples) {
  if (samples == crop.source) return triangle_filter(crop);
  std::vector<Row> rows;
  for (int i = 0; i < crop.target; ++i) rows.push_back(over_stored(triangle_row(crop, i), crop.source, samples));
  AxisFilter filter = pack(rows, samples);
  const bool whole_pairs = crop.extent == crop.target && crop.target % 2 == 0 && std::fmod(crop.begin, 2.0) == 0.0;
  if (2 * samples == crop.source && whole_pairs) {
    filter.doubling_begin = static_cast<int>(crop.begin) / 2 - 2;
    for (std::size_t k = 0; k < 4; ++k) filter.doubling_weights[k] = static_cast<float>(bicubic(1.75 - double(k)));
  }
  return filter;
}

}  // namespace action_images::ffmpeg
