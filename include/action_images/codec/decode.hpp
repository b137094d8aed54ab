// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

#include <action_images/codec/action.hpp>
#include <action_images/codec/array.hpp>
#include <action_images/codec/baselines.hpp>
#include <action_images/codec/convention.hpp>
#include <action_images/codec/decoded.hpp>
#include <action_images/codec/fill.hpp>
#include <action_images/codec/frame.hpp>
#include <action_images/codec/one_view.hpp>
#include <action_images/codec/picture.hpp>
#include <action_images/codec/rig.hpp>
#include <action_images/core/parallel.hpp>

namespace action_images {

namespace detail {

inline void check_method(const Rig& rig, const DecodeOptions& options) {
  constexpr std::string_view where = "codec::decode";
  const bool robust = options.method == DecodeMethod::robust;
  const bool located = options.depth.has_value() || options.plane.has_value();
  check(rig.size() > 1 || (robust && located), where, "rig",
        robust ? "at least two views, or one view and a depth or a plane" : "at least two views",
        robust ? "one view and neither" : "one");
  check(rig.size() <= most_views, where, "rig", text_of("at most ", most_views, " views"), rig.size());
  const double depth = options.depth.value_or(1.0);
  check(std::isfinite(depth) && depth > 0.0, where, "depth", "a positive distance in metres", depth);
  const Eigen::Vector4d plane = options.plane.value_or(Eigen::Vector4d::UnitX());
  check(plane.allFinite() && plane.head<3>().norm() > 0.0, where, "plane", "four finite numbers with a normal not 0",
        plane.transpose());
  check(std::isfinite(options.near) && std::isfinite(options.far) && 0.0 < options.near && options.near < options.far,
        where, "near, far", "0 < near < far", text_of(options.near, ", ", options.far));
  check(2 <= options.samples && options.samples <= 1000000, where, "samples", "a number from 2 to 1000000",
        options.samples);
}

inline void check_decode(const std::array<std::size_t, 5>& shape, const Rig& rig, const DecodeOptions& options) {
  const std::array<std::size_t, 5> expected{rig.size(), shape[1], static_cast<std::size_t>(rig.height()),
                                            static_cast<std::size_t>(rig.width()), 3};
  check_shape(shape == expected, "codec::decode", "images",
              text_of('(', expected[0], ", T, ", expected[2], ", ", expected[3], ", 3)"), shape);
  check_frames(rig, shape[1], "codec::decode");
  check_drawing(sigma_of(options.sigma, rig), options.axis_length, "codec::decode");
  check_threshold(options.threshold, "codec::decode");
  check_method(rig, options);
}

/// Reads the frames of one thread, robustly.
template <PixelType Pixel>
class ClipReader {
 public:
  ClipReader(const ImagesView<const Pixel>& images, const Rig& rig, const DecodeOptions& options)
      : images_(images), rig_(rig), options_(options), frame_(rig, options), views_(rig.size()) {}

  void read(std::size_t time, Decoded& decoded) {
    const PixelLayout layout = layout_of(options_.convention, options_.threshold);
    const double sigma = sigma_of(options_.sigma, rig_);
    for (std::size_t view = 0; view < images_.views; ++view) {
      const ImagesView<const Pixel> picture{images_.frame(view, time), 1, 1, images_.height, images_.width};
      views_[view] = read_picture(picture, sigma, layout, workspace_);
    }
    if (rig_.size() == 1) {
      read_one_view(views_[0], rig_.camera(0, time), options_, time, decoded);
    } else {
      frame_.read(views_, time, decoded);
    }
  }

 private:
  ImagesView<const Pixel> images_;
  const Rig& rig_;
  const DecodeOptions& options_;
  FrameReader frame_;
  PictureWorkspace workspace_;
  std::vector<PictureReading> views_;
};

/// Fills gaps, and gives frames that were not decoded the points of what filled them.
inline void finish(Decoded& decoded, const DecodeOptions& options) {
  for (std::size_t t = 0; t < decoded.frames(); ++t) decoded.valid[t] = decoded.confidence[t] > 0.0;
  fill_gaps(decoded.actions, decoded.valid, options.fill);
  const bool binary = options.method == DecodeMethod::robust && layout_of(options.convention).binary_openness;
  for (std::size_t t = 0; t < decoded.frames(); ++t) {
    if (binary) decoded.actions[t].openness = std::round(decoded.actions[t].openness);
    if (!decoded.valid[t]) decoded.points_at(t) = points_of(decoded.actions[t], options.axis_length);
  }
}

}  // namespace detail

/// Reads actions from action images: in every view the sub-pixel peaks of each channel, the three points where the
/// views' rays meet, the rotation nearest to them, the openness from the blue background.
/// @param images  (V, T, H, W, 3), uint8 or float in [0, 1], drawn (or generated) in `options.convention`.
/// @param rig     V >= 2 views, or one view if `options` gives a depth or a plane; at most 64. It may move.
/// @throws ShapeError if the images are not the rig's.
/// @throws ValueError if float pixels are not in [0, 1] or an option is out of range.   @see paper Sec. 3.2
template <PixelType Pixel>
Decoded decode(const ImagesView<const Pixel>& images, const Rig& rig, const DecodeOptions& options = {}) {
  detail::check_decode(images.shape(), rig, options);
  check_pixel_range(images, "codec::decode");
  Decoded decoded(images.frames, images.views);
  const std::size_t wanted = images.size() * sizeof(Pixel) < (1 << 20) ? 1 : options.threads;
  const std::size_t threads = threads_for(images.frames, wanted);
  if (options.method == DecodeMethod::robust) {
    std::vector<detail::ClipReader<Pixel>> readers;
    for (std::size_t i = 0; i < threads; ++i) readers.emplace_back(images, rig, options);
    parallel_for(images.frames, threads,
                 [&](std::size_t time, std::size_t thread) { readers[thread].read(time, decoded); });
  } else {
    const BaselineReader<Pixel> reader(images, rig, options);
    parallel_for(images.frames, threads, [&](std::size_t time, std::size_t) { reader.read(time, decoded); });
  }
  detail::finish(decoded, options);
  return decoded;
}

template <PixelType Pixel>
Decoded decode(const Images<Pixel>& images, const Rig& rig, const DecodeOptions& options = {}) {
  return decode(view_of(images), rig, options);
}

}  // namespace action_images
