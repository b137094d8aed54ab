// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>

#include <Eigen/Core>

#include <action_images/codec/array.hpp>
#include <action_images/codec/decoded.hpp>
#include <action_images/codec/histogram.hpp>
#include <action_images/codec/pose.hpp>
#include <action_images/codec/rig.hpp>

namespace action_images {

/// The decoders of the paper (Sec. 3.2) and of the released implementation, as baselines: a heat-weighted centroid in
/// the first view, candidates on its ray at equal steps between `near` and `far`, and the best of them by what the
/// views show there. Both need two views that see the point well, and are as fine as their steps.
///
///   paper    blue below 0.25 (with a margin) is background; the largest sum of responses of the views but the first,
///            at pixel centres i + 0.5; openness is the mean of the blue background over 0.25
///   release  all heat counts; the largest product over all views, responses at indices, coordinates cut to the
///   picture;
///            openness is 1 if a blue pixel exceeds 128/255 in any view. The release stops at the position and the
///            direction of its green point; here the blue point is read in the same way, its background left out, to
///            have a full action to compare
template <PixelType Pixel>
class BaselineReader {
 public:
  BaselineReader(const ImagesView<const Pixel>& images, const Rig& rig, const DecodeOptions& options)
      : images_(images), rig_(rig), options_(options), layout_(layout_of(options.convention, options.threshold)) {}

  void read(std::size_t time, Decoded& decoded) const {
    decoded.actions[time].openness = openness(time);
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const auto point = find_point(time, channel);
      if (!point) return;
      decoded.points_at(time).col(layout_.point_of_channel[channel]) = *point;
    }
    const ActionPoints points = decoded.points_at(time);
    const auto fitted = rotation_from_points(points, options_.axis_length);
    if (!fitted) return;
    decoded.confidence[time] = 1.0;
    for (std::size_t point = 0; point < 3; ++point) decoded.point_confidence(time, point) = 1.0;
    decoded.actions[time].position = points.col(position_point);
    decoded.actions[time].euler = euler_from_rotation(fitted->rotation);
  }

 private:
  /// An open gripper's background is 64/255 = 0.251 in uint8.
  double blue_limit() const { return layout_.threshold + 0.01; }
  bool is_release() const { return options_.method == DecodeMethod::release; }

  double heat(const Pixel* picture, std::size_t channel, std::size_t row, std::size_t column) const {
    const double response = static_cast<double>(response_of(picture[(row * images_.width + column) * 3 + channel]));
    return channel == 2 && response <= blue_limit() ? 0.0 : response;
  }

  /// Pixel coordinates. Paper Eq. 8.
  std::optional<Eigen::Vector2d> centroid(std::size_t time, std::size_t channel) const {
    const Pixel* const picture = images_.frame(0, time);
    Eigen::Vector2d sum = Eigen::Vector2d::Zero();
    double total = 0.0;
    for (std::size_t row = 0; row < images_.height; ++row) {
      double across = 0.0;
      double weights = 0.0;
      for (std::size_t column = 0; column < images_.width; ++column) {
        const double weight = heat(picture, channel, row, column);
        weights += weight;
        across += weight * (static_cast<double>(column) + 0.5);
      }
      sum += Eigen::Vector2d(across, weights * (static_cast<double>(row) + 0.5));
      total += weights;
    }
    if (!(total > 0.0)) return std::nullopt;
    return Eigen::Vector2d(sum / total);
  }

  /// Bilinear response at a pixel; outside, 0 (paper) or that of the nearest place inside (release).
  double response_at(const Pixel* picture, std::size_t channel, const Eigen::Vector2d& pixel) const {
    const Eigen::Vector2d last(static_cast<double>(images_.width - 1), static_cast<double>(images_.height - 1));
    Eigen::Vector2d place = pixel.array() - (is_release() ? 0.0 : 0.5);
    const Eigen::Vector2d inside = place.cwiseMax(0.0).cwiseMin(last);
    if (!is_release() && (place - inside).cwiseAbs().maxCoeff() > 0.5) return 0.0;
    const auto x = static_cast<std::size_t>(inside.x());
    const auto y = static_cast<std::size_t>(inside.y());
    const std::size_t next_x = std::min(x + 1, images_.width - 1);
    const std::size_t next_y = std::min(y + 1, images_.height - 1);
    const Eigen::Vector2d share = inside - Eigen::Vector2d(static_cast<double>(x), static_cast<double>(y));
    const double above =
        (1.0 - share.x()) * heat(picture, channel, y, x) + share.x() * heat(picture, channel, y, next_x);
    const double below =
        (1.0 - share.x()) * heat(picture, channel, next_y, x) + share.x() * heat(picture, channel, next_y, next_x);
    return (1.0 - share.y()) * above + share.y() * below;
  }

  /// Best candidate of the ray. Paper Eq. 9.
  std::optional<Eigen::Vector3d> find_point(std::size_t time, std::size_t channel) const {
    const auto pixel = centroid(time, channel);
    const auto ray = pixel ? rig_.camera(0, time).ray(*pixel) : std::nullopt;
    if (!ray) return std::nullopt;
    std::optional<Eigen::Vector3d> best;
    double largest = 0.0;
    for (std::size_t k = 0; k < options_.samples; ++k) {
      const double share = static_cast<double>(k) / static_cast<double>(options_.samples - 1);
      const Eigen::Vector3d point =
          ray->origin + (options_.near + share * (options_.far - options_.near)) * ray->direction;
      const double score = score_of(point, time, channel);
      if (!(score > largest)) continue;
      largest = score;
      best = point;
    }
    return best;
  }

  double score_of(const Eigen::Vector3d& point, std::size_t time, std::size_t channel) const {
    double sum = 0.0;
    double product = 1.0;
    for (std::size_t view = is_release() ? 0 : 1; view < rig_.size(); ++view) {
      const auto pixel = rig_.camera(view, time).project(point);
      const double response = pixel ? response_at(images_.frame(view, time), channel, *pixel) : 0.0;
      sum += response;
      product *= response;
    }
    return is_release() ? product : sum;
  }

  /// Paper Eq. 7, with the margin; of the release, whether anything is bright in blue.
  double openness(std::size_t time) const {
    double sum = 0.0;
    double count = 0.0;
    for (std::size_t view = 0; view < rig_.size(); ++view) {
      const Pixel* const picture = images_.frame(view, time);
      for (std::size_t i = 2; i < images_.height * images_.width * 3; i += 3) {
        const double response = static_cast<double>(response_of(picture[i]));
        if (is_release() && response > 128.0 / 255.0) return 1.0;
        if (response > blue_limit()) continue;
        sum += response;
        count += 1.0;
      }
    }
    return is_release() || count == 0.0 ? 0.0 : std::clamp(sum / count / layout_.threshold, 0.0, 1.0);
  }

  ImagesView<const Pixel> images_;
  const Rig& rig_;
  const DecodeOptions& options_;
  PixelLayout layout_;
};

}  // namespace action_images
