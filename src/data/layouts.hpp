// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <action_images/data/episode_source.hpp>

namespace action_images {

/// Opens "?episodes=64&frames=9...", see synthetic.hpp.
std::shared_ptr<const EpisodeSource> open_synthetic(const std::string& path);

/// A layout of data sets on disk that the library reads.
struct Layout {
  std::string_view kind;
  bool (*recognises)(const std::filesystem::path& folder);                ///< cheap: looks at a few names
  std::shared_ptr<const EpisodeSource> (*open)(const std::string& path);  ///< with "?options"
};

/// All of them, in the order in which they are tried.
std::span<const Layout> layouts();

/// "path?key=value&key=value" taken apart; the values are numbers.
struct PathWithOptions {
  std::filesystem::path path;
  std::map<std::string, double> numbers;

  /// @throws ValueError for what is not of that form.
  explicit PathWithOptions(const std::string& text);

  /// The value of an option, which is then no longer left over.
  double take(const std::string& key, double absent);

  /// Throws ValueError naming an option that nobody took.
  void refuse_others() const;
};

}  // namespace action_images
