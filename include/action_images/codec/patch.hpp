// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include <Eigen/Core>

#include <action_images/codec/background.hpp>
#include <action_images/codec/histogram.hpp>

namespace action_images::detail {

/// Four responses that are computed together.
using Lanes = Eigen::Array4f;
inline constexpr std::size_t lanes = 4;

/// Some indices of one axis of a picture: `run` neighbours, then a gap, so that one in `stride` is taken. Runs of two
/// see pixels that share their colour (4:2:0 video) as equally often as those that do not: no bias.
struct PatchAxis {
  std::size_t first = 0;
  std::size_t count = 0;
  std::size_t stride = 1;
  std::size_t run = 1;

  std::size_t pixel(std::size_t i) const { return first + i / run * (run * stride) + i % run; }
  double index(std::size_t i) const { return static_cast<double>(pixel(i)); }

  /// Indices within `radius` of `center` [px], at least one: one in `stride`, or runs of two, `limit` at most.
  static PatchAxis around(double center, double radius, std::size_t size, std::size_t stride, std::size_t limit) {
    const double last = static_cast<double>(size) - 1.0;
    const auto begin = static_cast<std::size_t>(std::clamp(std::ceil(center - radius), 0.0, last));
    const auto end = static_cast<std::size_t>(std::clamp(std::floor(center + radius), 0.0, last)) + 1;
    const std::size_t extent = std::max(begin + 1, end) - begin;
    const std::size_t least_stride = (extent + limit - 1) / limit;
    if (least_stride <= stride) return {begin, (extent + stride - 1) / stride, stride, 1};
    const std::size_t period = 2 * least_stride;
    return {begin, extent / period * 2 + std::min<std::size_t>(extent % period, 2), least_stride, 2};
  }
};

/// One channel of a picture (H, W, 3).
template <PixelType Pixel>
struct Channel {
  const ImagesView<const Pixel>& picture;
  std::size_t index;
};

/// Where a patch lies.
struct PatchWindow {
  Eigen::Vector2d anchor;              ///< index coordinates (column, row) [px]
  double unit;                         ///< of the patch's coordinates, counted from the anchor [px]
  double radius;                       ///< [px]
  std::array<std::size_t, 2> strides;  ///< of columns and rows, at least
  std::size_t row_limit;               ///< at most
};

/// Responses above the background around a point, in memory that is used again. Coordinates x, y count units from the
/// anchor. Rows are filled up with zeros to whole lanes.
class Patch {
 public:
  static constexpr std::size_t capacity = 128;  ///< of rows and columns
  static constexpr float masked = -1e9F;        ///< so far from every blob that it has no weight

  template <PixelType Pixel>
  void load(const Channel<Pixel>& channel, const PatchWindow& window, const Background& background) {
    const ImagesView<const Pixel>& picture = channel.picture;
    anchor_ = window.anchor;
    unit_ = window.unit;
    x_axis_ = PatchAxis::around(anchor_.x(), window.radius, picture.width, window.strides[0], capacity);
    y_axis_ = PatchAxis::around(anchor_.y(), window.radius, picture.height, window.strides[1],
                                std::min(window.row_limit, capacity));
    pitch_ = (x_axis_.count + lanes - 1) / lanes * lanes;
    for (std::size_t i = 0; i < pitch_; ++i) x_[i] = static_cast<float>((x_axis_.index(i) - anchor_.x()) / unit_);
    for (std::size_t i = 0; i < y_axis_.count; ++i) {
      const auto pixels = [&](std::size_t row) {
        return picture.data + (y_axis_.pixel(row) * picture.width + x_axis_.first) * 3 + channel.index;
      };
      const Pixel* const ahead = pixels(std::min(i + 3, y_axis_.count - 1));
      const std::size_t extent = 3 * (x_axis_.pixel(x_axis_.count - 1) - x_axis_.first);
      for (std::size_t j = 0; j <= extent; j += 64 / sizeof(Pixel)) prefetch(ahead + j);
      gather(pixels(i), i);
    }
    subtract(background);
  }

  /// Leaves out what lies within `radius` of `center` [px]; see `masked`.
  void mask(const Eigen::Vector2d& center, double radius) {
    const Eigen::Vector2d middle = (center - anchor_) / unit_;
    for (std::size_t i = 0; i < rows(); ++i) {
      const double dy = y(i) - middle.y();
      const double square = radius * radius / (unit_ * unit_) - dy * dy;
      float* const values = row(i);
      for (std::size_t j = 0; j < columns() && square > 0.0; ++j) {
        const double dx = static_cast<double>(x_[j]) - middle.x();
        if (dx * dx < square) values[j] = masked;
      }
    }
  }

  /// Coordinates count from `anchor` from now on, though nothing is loaded.
  void move_anchor(const Eigen::Vector2d& anchor) { anchor_ = anchor; }

  const Eigen::Vector2d& anchor() const { return anchor_; }
  double unit() const { return unit_; }
  std::size_t rows() const { return y_axis_.count; }
  std::size_t columns() const { return x_axis_.count; }
  std::size_t pitch() const { return pitch_; }                                 ///< columns, filled up to whole lanes
  double step() const { return static_cast<double>(x_axis_.stride) / unit_; }  ///< from column to column [units]
  std::size_t row_stride() const { return y_axis_.stride; }
  double y(std::size_t row) const { return (y_axis_.index(row) - anchor_.y()) / unit_; }
  const float* x() const { return x_.data(); }
  const float* row(std::size_t row) const { return responses_.data() + row * pitch_; }
  float* row(std::size_t row) { return responses_.data() + row * pitch_; }

 private:
  template <PixelType Pixel>
  void gather(const Pixel* pixels, std::size_t row) {
    float* const target = this->row(row);
    if (x_axis_.stride == 1) {
      for (std::size_t i = 0; i < x_axis_.count; ++i) target[i] = response_of(pixels[3 * i]);
    } else {
      for (std::size_t i = 0; i < x_axis_.count; ++i) {
        target[i] = response_of(pixels[3 * (x_axis_.pixel(i) - x_axis_.first)]);
      }
    }
    std::fill(target + x_axis_.count, target + pitch_, 0.0F);
  }

  void subtract(const Background& background) {
    if (background.level == 0.0 && background.slope.isZero(0.0)) return;
    const auto slope_x = static_cast<float>(background.slope.x() * unit_);
    for (std::size_t i = 0; i < rows(); ++i) {
      const auto level = static_cast<float>(background.at(anchor_ + Eigen::Vector2d(0.0, unit_ * y(i))));
      float* const values = row(i);
      for (std::size_t j = 0; j < columns(); ++j) values[j] -= level + slope_x * x_[j];
    }
  }

  Eigen::Vector2d anchor_ = Eigen::Vector2d::Zero();
  double unit_ = 1.0;
  PatchAxis x_axis_;
  PatchAxis y_axis_;
  std::size_t pitch_ = 0;
  alignas(16) std::array<float, capacity> x_;
  alignas(16) std::array<float, capacity * capacity> responses_;
};

}  // namespace action_images::detail
