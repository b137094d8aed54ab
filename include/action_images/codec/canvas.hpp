// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <Eigen/Core>

#include <action_images/codec/colour.hpp>

namespace action_images {

/// A stretch of a line: ends [px], radius [px], and the colours of the ends.
struct Stroke {
  Eigen::Vector2d from, to;
  double radius;
  Colour from_colour, to_colour;
};

/// One transparent layer of a drawing, with anti-aliased edges. What is drawn on it covers each pixel once: strokes
/// that overlap neither darken where they meet nor show their seams when the layer is blended onto a picture.
/// Coordinates are those of cameras: the centre of the top-left pixel is (0.5, 0.5) [px].
class Canvas {
 public:
  Canvas(std::size_t height, std::size_t width)
      : height_(height), width_(width), coverage_(height * width, 0.0F), colours_(height * width) {}

  std::size_t height() const { return height_; }
  std::size_t width() const { return width_; }

  /// A straight line with round ends; colours change evenly along it. What lies outside the picture is not drawn.
  void line(const Stroke& stroke) {
    Eigen::Vector2d from = stroke.from;
    Eigen::Vector2d along = stroke.to - stroke.from;
    double begin = 0.0, end = 1.0;
    if (!from.allFinite() || !along.allFinite() || !clip(stroke, begin, end)) return;
    // Short pieces have small boxes.
    const auto pieces = static_cast<std::size_t>(1.0 + (end - begin) * along.norm() / (4.0 + 4.0 * stroke.radius));
    const auto at = [&](std::size_t i) {
      return begin + (end - begin) * static_cast<double>(i) / static_cast<double>(pieces);
    };
    const auto colour = [&](double share) -> Colour {
      return stroke.from_colour + static_cast<float>(share) * (stroke.to_colour - stroke.from_colour);
    };
    for (std::size_t i = 0; i < pieces; ++i) {
      piece({from + at(i) * along, from + at(i + 1) * along, stroke.radius, colour(at(i)), colour(at(i + 1))});
    }
  }

  /// A filled circle.
  void disc(const Eigen::Vector2d& center, double radius, const Colour& colour) {
    if (center.allFinite() && radius > 0.0) piece({center, center, radius, colour, colour});
  }

  /// A circle of a radius to the middle of its line, and of half the line's thickness.
  void ring(const Eigen::Vector2d& center, double radius, double half_thickness, const Colour& colour) {
    if (!center.allFinite()) return;
    cover({center, center, radius + half_thickness, colour, colour}, [&](const Eigen::Vector2d& pixel) {
      return Covered{std::abs((pixel - center).norm() - radius) - half_thickness, colour};
    });
  }

  /// Blends the layer onto a picture (H, W, 3) of its size and makes it empty.
  void blend_onto(std::uint8_t* picture, double opacity = 1.0) {
    for (std::size_t y = top_; y < bottom_; ++y) {
      for (std::size_t i = y * width_ + left_; i < y * width_ + right_; ++i) {
        if (coverage_[i] == 0.0F) continue;
        const float share = coverage_[i] * static_cast<float>(opacity);
        for (std::size_t channel = 0; channel < 3; ++channel) {
          const float old = picture[3 * i + channel];
          const float mixed = old + share * (colours_[i][static_cast<Eigen::Index>(channel)] - old);
          picture[3 * i + channel] = static_cast<std::uint8_t>(std::clamp(mixed, 0.0F, 255.0F) + 0.5F);
        }
        coverage_[i] = 0.0F;
      }
    }
    left_ = width_, top_ = height_, right_ = 0, bottom_ = 0;
  }

 private:
  /// Distance of a pixel's centre from the edge of a shape, negative inside [px], and the shape's colour there.
  struct Covered {
    double distance;
    Colour colour;
  };

  /// Share of the stroke within reach of the picture; false if there is none. Liang-Barsky.
  bool clip(const Stroke& stroke, double& begin, double& end) const {
    const double margin = stroke.radius + 1.0;
    const Eigen::Vector2d along = stroke.to - stroke.from;
    const Eigen::Vector2d size(static_cast<double>(width_), static_cast<double>(height_));
    for (int axis = 0; axis < 2; ++axis) {
      const double low = -margin - stroke.from[axis];
      const double high = size[axis] + margin - stroke.from[axis];
      if (along[axis] == 0.0 && !(low <= 0.0 && high >= 0.0)) return false;
      if (along[axis] == 0.0) continue;
      begin = std::max(begin, std::min(low / along[axis], high / along[axis]));
      end = std::min(end, std::max(low / along[axis], high / along[axis]));
    }
    return begin <= end;
  }

  void piece(const Stroke& stroke) {
    const Eigen::Vector2d along = stroke.to - stroke.from;
    const double square = along.squaredNorm();
    cover(stroke, [&](const Eigen::Vector2d& pixel) {
      const Eigen::Vector2d offset = pixel - stroke.from;
      const double share = square > 0.0 ? std::clamp(offset.dot(along) / square, 0.0, 1.0) : 0.0;
      const Colour colour = stroke.from_colour + static_cast<float>(share) * (stroke.to_colour - stroke.from_colour);
      return Covered{(offset - share * along).norm() - stroke.radius, colour};
    });
  }

  /// Covers the pixels around a stroke where `shape_at(pixel)` says so.
  template <typename Shape>
  void cover(const Stroke& around, const Shape& shape_at) {
    const auto range = [&](double one, double other, std::size_t size) {
      const double reach = around.radius + 1.0;
      const auto inside = [&](double x) {
        return static_cast<std::size_t>(std::clamp(x, 0.0, static_cast<double>(size)));
      };
      return std::array{inside(std::floor(std::min(one, other) - reach)),
                        inside(std::ceil(std::max(one, other) + reach))};
    };
    const auto [left, right] = range(around.from.x(), around.to.x(), width_);
    const auto [top, bottom] = range(around.from.y(), around.to.y(), height_);
    if (left >= right || top >= bottom) return;
    left_ = std::min(left_, left), right_ = std::max(right_, right);
    top_ = std::min(top_, top), bottom_ = std::max(bottom_, bottom);
    for (std::size_t y = top; y < bottom; ++y) {
      for (std::size_t x = left; x < right; ++x) {
        const Covered shape = shape_at({static_cast<double>(x) + 0.5, static_cast<double>(y) + 0.5});
        const auto covered = static_cast<float>(std::clamp(0.5 - shape.distance, 0.0, 1.0));
        if (covered == 0.0F) continue;
        float& coverage = coverage_[y * width_ + x];
        Colour& colour = colours_[y * width_ + x];
        if (coverage == 0.0F) colour = shape.colour;
        coverage = std::max(coverage, covered);
        colour += covered / coverage * (shape.colour - colour);
      }
    }
  }

  std::size_t height_;
  std::size_t width_;
  std::vector<float> coverage_;  // (H, W), 0..1
  std::vector<Colour> colours_;  // (H, W), where covered
  std::size_t left_ = static_cast<std::size_t>(-1), top_ = static_cast<std::size_t>(-1), right_ = 0, bottom_ = 0;
};

}  // namespace action_images
