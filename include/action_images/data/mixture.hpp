// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <action_images/data/episode_source.hpp>

namespace action_images {

/// A part of a mixture of data sets.
struct MixtureEntry {
  std::string spec;  ///< for `open_episodes`
  double share = 1;  ///< of the clips; all shares sum to 1
};

/// Takes "spec@ratio,spec@ratio" apart; a ratio may be left out, which is 1, and parts with ratio 0 are left out. With
/// a root folder, each spec without a colon is a folder below it, and of the kind of that name if there is one: so
/// ("rlbench@0.7,droid@0.3", "data") is "rlbench:data/rlbench" and "droid:data/droid".
/// @throws ValueError for a ratio that is no number >= 0, or if nothing is left.
std::vector<MixtureEntry> mixture_from_text(const std::string& text, const std::string& root = "");

/// An open part of a mixture.
struct MixtureSource {
  std::shared_ptr<const EpisodeSource> source;
  double share = 1;  ///< relative to the others'
};

/// @throws as `mixture_from_text` and `open_episodes`.
std::vector<MixtureSource> open_mixture(const std::string& text, const std::string& root = "");

}  // namespace action_images
