// SPDX-License-Identifier: Apache-2.0
#include <action_images/tensor/crop_resize.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <ATen/ops/empty.h>

#include <action_images/codec/camera.hpp>
#include <action_images/core/check.hpp>

namespace action_images {
namespace {

constexpr auto where = "tensor::center_crop_resize";

// How one axis is resampled: for every target pixel the source pixels [first, first + count) and their weights.
struct Resampling {
  struct Taps {
    int first;
    int count;
    std::size_t weights;  // index of the first
  };
  std::vector<Taps> taps;
  std::vector<float> weights;
};

// A triangle filter around each target pixel's centre, wider than a pixel when the picture shrinks. The source interval
// [begin, begin + extent] becomes `target` pixels.
Resampling resampling(int source, double begin, int extent, int target) {
  const double scale = static_cast<double>(extent) / target;
  const double support = std::max(scale, 1.0);
  Resampling result;
  for (int i = 0; i < target; ++i) {
    const double center = begin + (i + 0.5) * scale;
    const int first = std::clamp(static_cast<int>(std::floor(center - support - 0.5)), 0, source - 1);
    const int last = std::clamp(static_cast<int>(std::ceil(center + support - 0.5)), 0, source - 1);
    const std::size_t start = result.weights.size();
    double sum = 0.0;
    for (int j = first; j <= last; ++j) {
      const double weight = std::max(0.0, 1.0 - std::abs(j + 0.5 - center) / support);
      result.weights.push_back(static_cast<float>(weight));
      sum += weight;
    }
    for (std::size_t j = start; j < result.weights.size(); ++j) result.weights[j] /= static_cast<float>(sum);
    result.taps.push_back({first, last - first + 1, start});
  }
  return result;
}

// One row of pixels, resampled along x: `target` pixels of three floats.
void resample_row(const std::uint8_t* row, const Resampling& columns, float* target) {
  for (const Resampling::Taps& taps : columns.taps) {
    float sum[3] = {0.0F, 0.0F, 0.0F};
    const std::uint8_t* pixel = row + 3 * static_cast<std::ptrdiff_t>(taps.first);
    for (int j = 0; j < taps.count; ++j, pixel += 3) {
      const float weight = columns.weights[taps.weights + static_cast<std::size_t>(j)];
      for (int channel = 0; channel < 3; ++channel) sum[channel] += weight * static_cast<float>(pixel[channel]);
    }
    target = std::copy_n(sum, 3, target);
  }
}

// To the nearest whole number, halves to the even one, by the precision of float32; for 0 <= value < 2^22.
float rounded(float value) {
  constexpr float shift = 12582912.0F;  // 1.5 * 2^23
  return (value + shift) - shift;
}

// The weighted sum of rows.
void resample_column(const float* rows, std::size_t row_size, const Resampling& vertical, const Resampling::Taps& taps,
                     std::vector<float>& sum, std::uint8_t* target) {
  std::fill(sum.begin(), sum.end(), 0.0F);
  for (int j = 0; j < taps.count; ++j) {
    const float weight = vertical.weights[taps.weights + static_cast<std::size_t>(j)];
    const float* row = rows + static_cast<std::size_t>(taps.first + j) * row_size;
    for (std::size_t i = 0; i < row_size; ++i) sum[i] += weight * row[i];
  }
  for (std::size_t i = 0; i < row_size; ++i) target[i] = static_cast<std::uint8_t>(std::min(rounded(sum[i]), 255.0F));
}

}  // namespace

at::Tensor center_crop_resize(const at::Tensor& pictures, int height, int width) {
  const auto axes = pictures.dim();
  check_shape(axes >= 3 && pictures.size(axes - 1) == 3 && pictures.numel() > 0, where, "pictures", "[..., H, W, 3]",
              pictures.sizes());
  check(pictures.scalar_type() == at::kByte && pictures.device().is_cpu(), where, "pictures", "uint8 on the CPU",
        pictures.toString());
  check_shape(1 <= std::min(height, width) && std::max(height, width) <= Camera::max_size, where, "height, width",
              "1..16384", {height, width});
  const auto source_height = pictures.size(axes - 3), source_width = pictures.size(axes - 2);
  check_shape(std::max(source_height, source_width) <= Camera::max_size, where, "pictures", "sides of at most 16384",
              pictures.sizes());
  if (source_height == height && source_width == width) return pictures.contiguous();
  const CropBox box = center_crop(static_cast<int>(source_height), static_cast<int>(source_width), height, width);
  const Resampling rows = resampling(static_cast<int>(source_height), box.y, box.height, height);
  const Resampling columns = resampling(static_cast<int>(source_width), box.x, box.width, width);

  const at::Tensor source = pictures.contiguous();
  auto sizes = source.sizes().vec();
  sizes[static_cast<std::size_t>(axes) - 3] = height;
  sizes[static_cast<std::size_t>(axes) - 2] = width;
  at::Tensor result = at::empty(sizes, source.options());
  const std::uint8_t* from = source.const_data_ptr<std::uint8_t>();
  std::uint8_t* to = result.mutable_data_ptr<std::uint8_t>();
  const std::size_t row_size = 3 * static_cast<std::size_t>(width);
  std::vector<float> resampled(static_cast<std::size_t>(source_height) * row_size), sum(row_size);
  const int first = rows.taps.front().first, end = rows.taps.back().first + rows.taps.back().count;
  for (auto picture = source.numel() / (3 * source_height * source_width); picture > 0; --picture) {
    for (int y = first; y < end; ++y) {
      resample_row(from + 3 * y * source_width, columns, resampled.data() + static_cast<std::size_t>(y) * row_size);
    }
    for (const Resampling::Taps& taps : rows.taps) {
      resample_column(resampled.data(), row_size, rows, taps, sum, to);
      to += row_size;
    }
    from += 3 * source_height * source_width;
  }
  return result;
}

}  // namespace action_images
