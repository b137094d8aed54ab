// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include <action_images/codec/convention.hpp>
#include <action_images/codec/peak_search.hpp>
#include <action_images/codec/survey.hpp>

namespace action_images {

/// What one picture shows.
struct PictureReading {
  std::array<Peaks, 3> peaks;  ///< by PointIndex, best first, `index` turned into pixel coordinates
  ResponseHistogram blue;
};

/// Memory to read pictures with, used again from picture to picture; one per thread.
struct PictureWorkspace {
  Survey survey;
  PeakWorkspace peak;
};

/// Blue responses below this belong to the background: it is 0.251 in uint8, and noise comes on top.
inline double background_limit(const PixelLayout& layout) { return 1.5 * layout.threshold; }

/// Finds the blobs of a picture (H, W, 3) and the distribution of its blue responses. Allocates nothing when pictures
/// of the same size follow each other.
/// @param sigma  of the drawn Gaussians [px].
template <PixelType Pixel>
PictureReading read_picture(const ImagesView<const Pixel>& picture, double sigma, const PixelLayout& layout,
                            PictureWorkspace& workspace) {
  Survey& survey = workspace.survey;
  survey_picture(picture, sigma, survey);
  PictureReading reading{{}, survey.blue};
  for (std::size_t channel = 0; channel < 3; ++channel) {
    PeakOptions options{.sigma = sigma};
    if (channel < 2) {
      options.floor = static_cast<double>(survey.cells[channel].floor(workspace.peak.scratch));
    } else {
      const auto background = survey.blue.level_below(background_limit(layout));
      options.base = background ? background->mean : layout.threshold;
      options.clip = layout.threshold + 0.03;
    }
    Peaks peaks = find_peaks(picture, channel, survey.cells[channel], options, workspace.peak);
    for (Peak& peak : peaks) peak.index.array() += layout.pixel_offset;
    reading.peaks[static_cast<std::size_t>(layout.point_of_channel[channel])] = peaks;
  }
  return reading;
}

}  // namespace action_images
