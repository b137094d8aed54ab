// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <action_images/data/clip.hpp>
#include <action_images/data/mixture.hpp>

namespace action_images {

/// An episode that could not be used.
struct BadEpisode {
  std::string name;       ///< of the episode: its path
  std::string reason;     ///< the error's text
  bool rejected = false;  ///< by a filter that the user asked for, which is no fault
};

struct ClipSamplerOptions {
  WindowOptions window{};
  std::uint64_t seed = 0;
  double max_bad_share = 0.05;  ///< of the draws; of the first 100 draws as many may be bad as of 100
  std::function<void(const BadEpisode&)> on_bad{};  ///< called for each, on any thread, one call at a time
};

/// What a sampler has met so far.
struct ClipSamplerReport {
  std::int64_t draws = 0;                         ///< of episodes
  std::int64_t bad = 0;                           ///< of these, those that could not be read
  std::int64_t rejected = 0;                      ///< of these, those that a filter refused
  std::map<std::string, std::int64_t> reasons{};  ///< of both, without paths and values
};

/// Clips of a mixture of data sets, without end. Clip `index` follows from the seed and the index alone, whichever
/// thread asks for it and in whatever order: source, episode, window, views, text and augmentation are drawn from a
/// hash of them. An episode that cannot be read is reported and counted, and the index draws again. Safe to use from
/// several threads.
class ClipSampler {
 public:
  /// @throws ValueError if there is no source, a source is empty, or an option is out of range.
  ClipSampler(std::vector<MixtureSource> sources, ClipSamplerOptions options);
  ~ClipSampler();

  /// @param index  at least 0.
  /// @throws FormatError, with counts and the first reason, when too many episodes are bad.
  Clip clip(std::int64_t index) const;

  ClipSamplerReport report() const;

  /// Episodes in all sources.
  std::int64_t episodes() const;

  /// Changes when the data, the mixture or the options change.
  std::string fingerprint() const;

  const std::vector<MixtureSource>& sources() const { return sources_; }
  const ClipSamplerOptions& options() const { return options_; }

 private:
  struct Counts;

  std::vector<MixtureSource> sources_;
  ClipSamplerOptions options_;
  std::unique_ptr<Counts> counts_;
};

}  // namespace action_images
