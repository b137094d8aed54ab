// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <action_images/core/error.hpp>
#include <action_images/data/episode.hpp>

namespace action_images {

/// An episode that a filter refuses which the user asked for; it is counted, but as no fault of the data.
struct EpisodeRejected : FormatError {
  using FormatError::FormatError;
};

/// A data set: episodes by number. A custom one derives from this, and is safe to use from several threads.
class EpisodeSource {
 public:
  virtual ~EpisodeSource() = default;

  virtual std::string name() const = 0;  ///< for messages and logs: the path or spec
  virtual std::int64_t size() const = 0;

  /// Where the data is from, for mixtures of tasks that depend on it: "rlbench", "droid", ..., empty for a custom
  /// source. The native layout says what it was written from.
  virtual std::string layout() const { return {}; }

  /// @throws ValueError for an index that there is not; FormatError naming the file that is missing or damaged.
  virtual Episode episode(std::int64_t index) const = 0;

  /// Name of an episode, without reading it.
  virtual std::string episode_name(std::int64_t index) const { return name() + "[" + std::to_string(index) + "]"; }

  /// Changes when the data changes: a hash over the files' names and sizes and the contents of what is not pictures.
  /// Empty for a source that does not say.
  virtual std::string fingerprint() const { return {}; }

  /// What a user should know, such as a value that the files lack and what stands for it.
  virtual std::vector<std::string> notices() const { return {}; }
};

/// Throws ValueError unless 0 <= index < source.size().
void check_episode_index(const EpisodeSource& source, std::int64_t index, std::string_view where);

/// Opens a data set.
/// @param spec  "kind:path" with a kind of `episode_kinds()`, or a path whose layout is recognised; the path may be
///              followed by options of the kind: "droid:data/droid?max_residual=0.02&max_jump=0.2".
/// @throws ValueError for a kind or an option that there is not; FormatError for a folder that holds no such data set.
std::shared_ptr<const EpisodeSource> open_episodes(const std::string& spec);

/// Opens what follows "kind:" in a spec.
using EpisodeOpener = std::function<std::shared_ptr<const EpisodeSource>(const std::string& path)>;

/// Makes `open_episodes` know another kind, or another opener of one that was added before.
/// @throws ValueError for a name that is built in, or has anything but letters a-z, digits and underscores.
void add_episode_kind(const std::string& kind, EpisodeOpener open);

/// Names of all kinds, sorted.
std::vector<std::string> episode_kinds();

/// Several data sets one after the other.
/// @throws ValueError if there is none.
std::shared_ptr<const EpisodeSource> joined_episodes(std::vector<std::shared_ptr<const EpisodeSource>> sources);

/// The sha1 over the sizes of files and their names below `root`, and the contents of those that are neither videos nor
/// larger than 16 MiB; files that are missing count as such.
std::string fingerprint_of(const std::filesystem::path& root, const std::vector<std::filesystem::path>& files);

}  // namespace action_images
