// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <action_images/data/episode.hpp>
#include <action_images/data/episode_source.hpp>

/// What the readers of the released data sets' layouts have in common.
namespace action_images {

/// Names in the order in which people count: "view2" before "view10".
bool counts_before(const std::filesystem::path& a, const std::filesystem::path& b);

/// Folders, or links to folders, in a folder whose names begin so, in counting order; hidden ones are left out. None if
/// there is no such folder.
std::vector<std::filesystem::path> folders_in(const std::filesystem::path& folder, std::string_view prefix = "");

/// Files with an ending such as ".mp4" in a folder, in counting order.
std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder, std::string_view ending);

/// All files below a folder, in the order of their names.
std::vector<std::filesystem::path> files_below(const std::filesystem::path& folder);

/// Folders with a folder `video` that are episodes of DROID or Bridge: in root/processed if it is there, else in root.
std::vector<std::filesystem::path> processed_episodes(const std::filesystem::path& root);

/// Lines of a text file of at most 1 MiB that are not blank, without blanks around them.
std::vector<std::string> lines_of(const std::filesystem::path& file, std::string_view where);

/// A data set whose episodes are folders.
class FolderEpisodes : public EpisodeSource {
 public:
  using Read = std::function<Episode(const std::filesystem::path& folder)>;

  /// @param layout  its name.   @param shared  files that belong to all episodes, for the fingerprint.
  /// @throws FormatError if there is no episode.
  FolderEpisodes(std::filesystem::path root, std::string layout, std::vector<std::filesystem::path> episodes, Read read,
                 std::vector<std::filesystem::path> shared = {});

  std::string name() const override { return root_.string(); }
  std::string layout() const override { return layout_; }
  std::int64_t size() const override { return std::ssize(episodes_); }
  std::string episode_name(std::int64_t index) const override { return folder_of(index).string(); }
  std::string fingerprint() const override;

  /// Errors of reading become FormatErrors that name the episode, unless they do already.
  Episode episode(std::int64_t index) const override;

 private:
  const std::filesystem::path& folder_of(std::int64_t index) const;

  std::filesystem::path root_;
  std::string layout_;
  std::vector<std::filesystem::path> episodes_, shared_;
  Read read_;
};

}  // namespace action_images
