// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <action_images/data/clip_sampler.hpp>

namespace action_images {

/// Numbers of a data set.
struct SourceReport {
  std::int64_t episodes = 0;
  std::vector<BadEpisode> bad{};           ///< in the order of the episodes, rejected ones too
  std::int64_t frames = 0;                 ///< of all good episodes
  double seconds = 0.0;                    ///< of those that know their frame rate
  std::int64_t shortest = 0, longest = 0;  ///< frames of an episode
  std::int64_t with_actions = 0, with_texts = 0, moving_cameras = 0;  ///< episodes
  std::map<std::string, std::int64_t> view_sizes{};                   ///< views by "name height x width"
  std::map<std::int64_t, std::int64_t> view_counts{};                 ///< episodes by number of views
  std::array<std::int64_t, 10> openness{};                            ///< frames by tenths of openness, 0 to 1
  std::int64_t seen = 0, unseen = 0;  ///< frames with actions whose gripper is in a picture, or in none
};

struct CheckOptions {
  bool read_pictures = true;  ///< the first, middle and last frame of every view too
  int threads = 1;            ///< 0: one for every core
  /// Called with episodes done; returning false stops with Interrupted.
  std::function<bool(std::int64_t done, std::int64_t total)> progress{};
};

/// Reads every episode of a data set.
/// @throws ValueError for options out of range; nothing for bad episodes, which are in the report.
SourceReport check_source(const EpisodeSource& source, const CheckOptions& options = {});

}  // namespace action_images
