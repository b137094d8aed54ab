// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include <action_images/codec/action.hpp>
#include <action_images/codec/array.hpp>
#include <action_images/codec/convention.hpp>
#include <action_images/codec/fill.hpp>
#include <action_images/codec/picture.hpp>
#include <action_images/codec/pose.hpp>
#include <action_images/codec/rig.hpp>
#include <action_images/codec/survey.hpp>
#include <action_images/codec/triangulate.hpp>

namespace action_images {

struct DecodeOptions {
  Convention convention = Convention::paper;
  std::optional<double> sigma{};  ///< of the drawn Gaussians [px]; 0.05 * min(H, W) if not given
  double axis_length = 0.1;       ///< distance of the normal and up points from the position [m]
  bool fill = true;               ///< interpolate undecodable frames from their neighbours
  std::optional<double> depth{};  ///< of the position along the camera's axis [m]; needed, and used, for one view only
  double min_confidence = 0.001;  ///< frames below are undecodable
};

/// What action images say. An undecodable frame has confidence 0 and is not valid; its action is interpolated (position
/// and openness linearly, rotation spherically, held at the ends) or, without `fill`, NaN.
/// If no frame can be decoded, all actions are NaN.
struct Decoded {
  Trajectory actions;              ///< T
  xt::xtensor<double, 3> points;   ///< (T, 3, 3): position, normal, up, each x y z in world [m]
  std::vector<double> confidence;  ///< T, 0..1: height and shape of the blobs, agreement of views, rigidity
  std::vector<bool> valid;         ///< T, decoded from its own frame
};

namespace detail {

/// One frame before gaps are filled.
struct FrameReading {
  ActionPoints points;
  Action action;
  double confidence = 0.0;
};

/// Openness, and which share of the blue responses it rests on.
struct OpennessReading {
  double openness = std::numeric_limits<double>::quiet_NaN();
  double confidence = 0.0;  ///< 1 if at least half of the responses lie close to the background's level
};

/// Openness from the background of the blue channel, over all views. Paper Eq. 7, made robust: the mean of
/// the middle half of the responses instead of all.
inline OpennessReading read_openness(const std::vector<PictureReading>& views, const PixelLayout& layout) {
  ResponseHistogram blue;
  for (const PictureReading& view : views) blue.add(view.blue);
  const auto level = blue.level_below(background_limit);
  if (!level) return {};
  const double openness = std::clamp(level->mean / background_level, 0.0, 1.0);
  return {layout.binary_openness ? std::round(openness) : openness, std::min(1.0, 2.0 * level->share)};
}

struct PointReading {
  Eigen::Vector3d point;
  double confidence;
};

inline std::optional<PointReading> read_point(const std::vector<PictureReading>& views, std::size_t index,
                                              const Rig& rig, double sigma) {
  std::vector<Sighting> sightings;
  double score = 0.0;
  for (std::size_t view = 0; view < views.size(); ++view) {
    const Peaks& peaks = views[view].peaks[index];
    if (peaks.empty()) continue;
    sightings.push_back({&rig[view], peaks[0].index, std::max(peaks[0].score, 1e-3)});
    score += peaks[0].score;
  }
  const auto triangulated = triangulate(sightings, 0.25 * sigma);
  if (!triangulated) return std::nullopt;
  const double disagreement = triangulated->residual / (0.5 * sigma);
  const double mean_score = score / static_cast<double>(sightings.size());
  const double agreement = triangulated->trust * std::exp(-0.5 * disagreement * disagreement);
  return PointReading{triangulated->point, mean_score * agreement};
}

/// The three points and the least confidence among them.
struct PointsReading {
  ActionPoints points;
  double confidence = 1.0;
};

inline std::optional<PointsReading> read_points(const std::vector<PictureReading>& views, const Rig& rig,
                                                double sigma) {
  PointsReading reading;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto point = read_point(views, i, rig, sigma);
    if (!point) return std::nullopt;
    reading.points.col(static_cast<Eigen::Index>(i)) = point->point;
    reading.confidence = std::min(reading.confidence, point->confidence);
  }
  return reading;
}

inline std::optional<PointsReading> read_points_from_one_view(const PictureReading& view, const Camera& camera,
                                                              const DecodeOptions& options) {
  std::array<Eigen::Vector2d, 3> pixels;
  double confidence = 1.0;
  for (std::size_t i = 0; i < 3; ++i) {
    if (view.peaks[i].empty()) return std::nullopt;
    pixels[i] = view.peaks[i][0].index;
    confidence = std::min(confidence, view.peaks[i][0].score);
  }
  return PointsReading{points_from_one_view(pixels, camera, *options.depth, options.axis_length), confidence};
}

inline FrameReading read_frame(const std::vector<PictureReading>& views, const Rig& rig, double sigma,
                               const DecodeOptions& options) {
  FrameReading frame;
  const OpennessReading openness = read_openness(views, layout_of(options.convention));
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  frame.action.openness = openness.confidence < 1.0 ? nan : openness.openness;
  const auto reading =
      rig.size() == 1 ? read_points_from_one_view(views[0], rig[0], options) : read_points(views, rig, sigma);
  if (!reading) return frame;
  const auto fitted = rotation_from_points(reading->points, options.axis_length);
  if (!fitted) return frame;
  const double confidence = reading->confidence * fitted->rigidity * openness.confidence;
  if (!(confidence >= options.min_confidence)) return frame;
  frame.points = reading->points;
  frame.confidence = std::min(1.0, confidence);
  frame.action.position = reading->points.col(position_point);
  frame.action.openness = openness.openness;
  frame.action.euler = euler_from_rotation(fitted->rotation);
  return frame;
}

inline Decoded collect(const std::vector<FrameReading>& frames, const DecodeOptions& options) {
  Decoded decoded{Trajectory(frames.size()), xt::xtensor<double, 3>::from_shape({frames.size(), 3, 3}),
                  std::vector<double>(frames.size()), std::vector<bool>(frames.size())};
  for (std::size_t t = 0; t < frames.size(); ++t) {
    decoded.actions[t] = frames[t].action;
    decoded.confidence[t] = frames[t].confidence;
    decoded.valid[t] = frames[t].confidence > 0.0;
  }
  fill_gaps(decoded.actions, decoded.valid, options.fill);
  if (layout_of(options.convention).binary_openness) {
    for (Action& action : decoded.actions) action.openness = std::round(action.openness);
  }
  for (std::size_t t = 0; t < frames.size(); ++t) {
    const ActionPoints points =
        decoded.valid[t] ? frames[t].points : points_of(decoded.actions[t], options.axis_length);
    for (std::size_t i = 0; i < 9; ++i) {
      decoded.points(t, i / 3, i % 3) = points(static_cast<Eigen::Index>(i % 3), static_cast<Eigen::Index>(i / 3));
    }
  }
  return decoded;
}

inline void check_decode(const std::array<std::size_t, 5>& shape, const Rig& rig, const DecodeOptions& options) {
  const std::array<std::size_t, 5> expected{rig.size(), shape[1], static_cast<std::size_t>(rig.height()),
                                            static_cast<std::size_t>(rig.width()), 3};
  check_shape(shape == expected, "codec::decode", "images",
              text_of('(', expected[0], ", T, ", expected[2], ", ", expected[3], ", 3)"), shape);
  check_drawing(sigma_of(options.sigma, rig), options.axis_length, "codec::decode");
  check(rig.size() > 1 || options.depth.has_value(), "codec::decode", "rig",
        "at least two views, or one view and a depth", "one view and no depth");
  const double depth = options.depth.value_or(1.0);
  check(std::isfinite(depth) && depth > 0.0, "codec::decode", "depth", "a positive distance in metres", depth);
}

}  // namespace detail

/// Reads actions from action images: in every view the sub-pixel peak of each channel, the three points where the
/// views' rays meet, the rotation nearest to them, the openness from the blue background.
/// @param images  (V, T, H, W, 3), uint8 or float in [0, 1], drawn (or generated) in `options.convention`.
/// @param rig     V >= 2 views, or one view if `options.depth` is given.
/// @throws ShapeError if the images are not the rig's.
/// @throws ValueError if float pixels are not in [0, 1] or an option is out of range.   @see paper Sec. 3.2
template <PixelType Pixel>
Decoded decode(const ImagesView<const Pixel>& images, const Rig& rig, const DecodeOptions& options = {}) {
  detail::check_decode(images.shape(), rig, options);
  check_pixel_range(images, "codec::decode");
  const double sigma = sigma_of(options.sigma, rig);
  const PixelLayout layout = layout_of(options.convention);
  std::vector<detail::FrameReading> frames;
  PictureWorkspace workspace;
  for (std::size_t time = 0; time < images.frames; ++time) {
    std::vector<PictureReading> views;
    for (std::size_t view = 0; view < images.views; ++view) {
      const ImagesView<const Pixel> picture{images.frame(view, time), 1, 1, images.height, images.width};
      views.push_back(read_picture(picture, sigma, layout, workspace));
    }
    frames.push_back(detail::read_frame(views, rig, sigma, options));
  }
  return detail::collect(frames, options);
}

template <PixelType Pixel>
Decoded decode(const Images<Pixel>& images, const Rig& rig, const DecodeOptions& options = {}) {
  return decode(view_of(images), rig, options);
}

}  // namespace action_images
