// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include <action_images/data/episode_source.hpp>

namespace action_images {

/// Scenes that are computed: a table, two coloured discs on it, and a gripper of three balls that goes to the one that
/// the instruction names. For tests and examples: no files, no simulator.
struct SyntheticOptions {
  std::int64_t episodes = 64;
  std::int64_t frames = 9;  ///< of an episode
  int views = 2;            ///< 1 .. 8
  int height = 64;          ///< of the pictures [px]
  int width = 64;
  std::uint64_t seed = 0;
};

/// The spec is "synthetic:?episodes=64&frames=9&views=2&height=64&width=64&seed=0", every option left out as wished.
/// @throws ValueError for options out of range.
std::shared_ptr<const EpisodeSource> synthetic_episodes(const SyntheticOptions& options = {});

}  // namespace action_images
