// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include <Eigen/Core>

#include <action_images/codec/array.hpp>
#include <action_images/codec/convention.hpp>
#include <action_images/codec/picture.hpp>

namespace action_images {

/// Where the best blob of each colour channel is, whatever the channels mean: index coordinates (column, row) [px].
using ChannelPeaks = std::array<std::optional<Eigen::Vector2d>, 3>;

/// The blobs of one picture (H, W, 3).   @param sigma  of the drawn Gaussians [px].
template <PixelType Pixel>
ChannelPeaks observed_points(const ImagesView<const Pixel>& picture, double sigma, PictureWorkspace& workspace) {
  constexpr PixelLayout by_channel{{position_point, normal_point, up_point}, 0.0, false};
  const PictureReading reading = read_picture(picture, sigma, by_channel, workspace);
  ChannelPeaks peaks;
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const Peaks& found = reading.peaks[static_cast<std::size_t>(by_channel.point_of_channel[channel])];
    if (!found.empty() && found.front().score > 0.3) peaks[channel] = found.front().index;
  }
  return peaks;
}

/// The blobs of a clip's pictures: V views, some of its frames.
struct Observations {
  std::size_t views = 0;
  std::vector<std::size_t> times;   ///< frames that were looked at
  std::vector<ChannelPeaks> peaks;  ///< (V, number of times)

  const ChannelPeaks& at(std::size_t view, std::size_t index) const { return peaks[view * times.size() + index]; }
};

/// Looks at no more than `most` frames, evenly spaced.
template <PixelType Pixel>
Observations observe(const ImagesView<const Pixel>& images, double sigma, std::size_t most) {
  Observations observations{images.views, {}, {}};
  const std::size_t count = std::min(most, images.frames);
  for (std::size_t i = 0; i < count; ++i) observations.times.push_back(i * images.frames / count);
  PictureWorkspace workspace;
  for (std::size_t view = 0; view < images.views; ++view) {
    for (const std::size_t time : observations.times) {
      const ImagesView<const Pixel> picture{images.frame(view, time), 1, 1, images.height, images.width};
      observations.peaks.push_back(observed_points(picture, sigma, workspace));
    }
  }
  return observations;
}

}  // namespace action_images
