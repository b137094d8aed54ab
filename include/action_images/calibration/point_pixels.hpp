// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include <action_images/calibration/observation.hpp>
#include <action_images/codec/pixel_action.hpp>
#include <action_images/codec/triangulate.hpp>

namespace action_images {

/// Where V views see the three points of T actions, (V, T); nullopt where one is not seen.
struct PointPixels {
  std::size_t views = 0;
  std::size_t frames = 0;
  std::vector<PixelPoints> seen;  ///< by PointIndex [px]

  const PixelPoints& at(std::size_t view, std::size_t time) const { return seen[view * frames + time]; }
};

/// Of pixel actions (V, T, 7); the openness does not matter and may be NaN.
/// @throws ValueError naming the row with an infinite pixel or half a pixel.
inline PointPixels point_pixels(const PixelActionsView& pixels, Convention convention, std::string_view where) {
  PointPixels points{pixels.views, pixels.frames, {}};
  for (std::size_t i = 0; i < pixels.views * pixels.frames; ++i) {
    const double* const row = pixels.data + 7 * i;
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const double x = row[2 * channel], y = row[2 * channel + 1];
      if (std::isinf(x) || std::isinf(y) || std::isnan(x) != std::isnan(y)) {
        throw ValueError(expected_text(where, text_of("pixels[", i / pixels.frames, ", ", i % pixels.frames, ']'),
                                       "finite pixels, or NaN for both x and y", text_of(x, ", ", y)));
      }
    }
    points.seen.push_back(detail::points_of_row(row, layout_of(convention)));
  }
  return points;
}

/// Of blobs that were looked for in action images: (V, number of frames looked at).
inline PointPixels point_pixels(const Observations& observations, Convention convention) {
  const PixelLayout layout = layout_of(convention);
  PointPixels points{observations.views, observations.times.size(),
                     std::vector<PixelPoints>(observations.peaks.size())};
  for (std::size_t i = 0; i < points.seen.size(); ++i) {
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const auto& peak = observations.peaks[i][channel];
      if (!peak) continue;
      points.seen[i][static_cast<std::size_t>(layout.point_of_channel[channel])] =
          Eigen::Vector2d(peak->array() + layout.pixel_offset);
    }
  }
  return points;
}

/// Where the best blobs of action images (V, T, H, W, 3) are: what `refine_cameras` takes.
/// @param sigma  of the drawn Gaussians [px].   @throws ValueError if pixels are not in [0, 1].
template <PixelType Pixel>
PointPixels point_pixels(const ImagesView<const Pixel>& images, double sigma, Convention convention) {
  check_pixel_range(images, "codec::point_pixels");
  return point_pixels(observe(images, sigma, images.frames), convention);
}

namespace detail {

/// A known point, and where a view sees it.
struct KnownSighting {
  std::size_t view;
  std::size_t time;
  std::size_t point;         ///< index of the point among all, 3 time + PointIndex
  Eigen::Vector2d pixel;     ///< [px]
  Eigen::Vector3d in_world;  ///< [m]
};

/// What is seen of actions; frames whose action is not finite are left out.
inline std::vector<KnownSighting> known_sightings(const PointPixels& pixels, const Trajectory& actions,
                                                  double axis_length) {
  std::vector<KnownSighting> sightings;
  for (std::size_t view = 0; view < pixels.views; ++view) {
    for (std::size_t time = 0; time < pixels.frames; ++time) {
      if (!actions[time].position.allFinite() || !actions[time].euler.allFinite()) continue;
      const ActionPoints points = points_of(actions[time], axis_length);
      for (std::size_t point = 0; point < 3; ++point) {
        const auto& pixel = pixels.at(view, time)[point];
        if (!pixel) continue;
        sightings.push_back({view, time, 3 * time + point, *pixel, points.col(static_cast<Eigen::Index>(point))});
      }
    }
  }
  return sightings;
}

/// The points where the rays of the views that see them meet, by 3 time + PointIndex.
inline std::vector<std::optional<TriangulatedPoint>> triangulated_points(const PointPixels& pixels, const Rig& rig) {
  const double tolerance = 0.0125 * std::min(rig.height(), rig.width());  // a quarter of a drawn sigma
  std::vector<std::optional<TriangulatedPoint>> points;
  for (std::size_t i = 0; i < 3 * pixels.frames; ++i) {
    std::vector<Sighting> sightings;
    for (std::size_t view = 0; view < pixels.views; ++view) {
      const auto& pixel = pixels.at(view, i / 3)[i % 3];
      if (pixel) sightings.push_back({&rig.camera(view, i / 3), *pixel});
    }
    points.push_back(triangulate(sightings, tolerance));
  }
  return points;
}

/// The rig's cameras at some frames.
inline Rig rig_at(const Rig& rig, const std::vector<std::size_t>& times) {
  if (!rig.is_moving()) return rig;
  std::vector<std::vector<Camera>> views(rig.size());
  for (std::size_t view = 0; view < rig.size(); ++view) {
    for (const std::size_t time : times) views[view].push_back(rig.camera(view, time));
  }
  return Rig::moving(views);
}

inline void check_point_pixels(const PointPixels& pixels, const Rig& rig, const Trajectory& actions,
                               std::string_view where) {
  const std::array<std::size_t, 3> got{pixels.views, pixels.frames, 7};
  check_shape(pixels.views == rig.size() && pixels.frames == actions.size(), where, "pixels",
              text_of('(', rig.size(), ", ", actions.size(), ", 7)"), got);
  check_frames(rig, pixels.frames, where);
}

}  // namespace detail

}  // namespace action_images
