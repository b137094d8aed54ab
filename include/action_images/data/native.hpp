// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

#include <action_images/data/episode_source.hpp>

/// The library's own layout of data sets, docs/datasets.md: dataset.json beside episodes/000000/{episode.json,
/// rig.json, actions.csv, VIEW.mp4}.

namespace action_images {

/// @throws FormatError if dataset.json is missing (writing was not finished) or not of this format.
std::shared_ptr<const EpisodeSource> open_native(const std::filesystem::path& folder);

struct WriteNativeOptions {
  double crf = 18.0;      ///< of H.264, 0 best .. 51
  bool lossless = false;  ///< pixels are kept exactly, in files that few players show (RGB in H.264)
  int height = 0;         ///< of the pictures written [px]; 0: as each view has them
  int width = 0;
  int threads = 1;  ///< episodes written at a time; 0: one for every core
  /// Called between episodes with those done; returning false stops with Interrupted. Writing goes on there later.
  std::function<bool(std::int64_t done, std::int64_t total)> progress{};
};

/// Writes all episodes of a source. Episodes that are there already, from a call with the same source and options that
/// was stopped, are kept; dataset.json appears last.
/// @throws ValueError if the folder holds another data set, or options are out of range; FormatError if an episode
/// cannot
///         be read or written; Interrupted when the progress callback says so.
void write_native(const EpisodeSource& source, const std::filesystem::path& folder,
                  const WriteNativeOptions& options = {});

}  // namespace action_images
