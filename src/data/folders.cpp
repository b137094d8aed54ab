// SPDX-License-Identifier: Apache-2.0
#include "folders.hpp"

#include <algorithm>
#include <cctype>
#include <system_error>
#include <utility>

#include <action_images/core/check.hpp>
#include <action_images/core/file.hpp>

namespace action_images {
namespace {

namespace fs = std::filesystem;

bool is_digit(char letter) { return std::isdigit(static_cast<unsigned char>(letter)) != 0; }

// The digits at a position, without leading zeros; moves past them.
std::string_view number_at(std::string_view text, std::size_t& position) {
  const std::size_t begin = position;
  while (position < text.size() && is_digit(text[position])) ++position;
  std::string_view digits = text.substr(begin, position - begin);
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  return digits;
}

template <typename Wanted>
std::vector<fs::path> entries_in(const fs::path& folder, const Wanted& wanted) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (wanted(entry)) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end(), counts_before);
  return found;
}

std::string trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n\v\f";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(blanks) - first + 1));
}

}  // namespace

bool counts_before(const fs::path& a, const fs::path& b) {
  const std::string left = a.string(), right = b.string();
  std::size_t i = 0, j = 0;
  while (i < left.size() && j < right.size()) {
    if (is_digit(left[i]) && is_digit(right[j])) {
      const std::string_view x = number_at(left, i), y = number_at(right, j);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
    } else {
      if (left[i] != right[j]) return left[i] < right[j];
      ++i, ++j;
    }
  }
  return std::make_pair(left.size() - i, left) < std::make_pair(right.size() - j, right);
}

std::vector<fs::path> folders_in(const fs::path& folder, std::string_view prefix) {
  return entries_in(folder, [&](const fs::directory_entry& entry) {
    const std::string name = entry.path().filename().string();
    std::error_code error;
    return name[0] != '.' && name.starts_with(prefix) && entry.is_directory(error);
  });
}

std::vector<fs::path> files_in(const fs::path& folder, std::string_view ending) {
  return entries_in(folder, [&](const fs::directory_entry& entry) {
    std::error_code error;
    return entry.path().extension() == ending && entry.is_regular_file(error);
  });
}

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    std::error_code unreadable;
    if (entry.is_regular_file(unreadable)) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<fs::path> processed_episodes(const fs::path& root) {
  const fs::path processed = root / "processed";
  std::vector<fs::path> episodes;
  for (const fs::path& folder : folders_in(fs::is_directory(processed) ? processed : root)) {
    if (fs::is_directory(folder / "video")) episodes.push_back(folder);
  }
  return episodes;
}

std::vector<std::string> lines_of(const fs::path& file, std::string_view where) {
  const std::string text = read_file(file, 1 << 20, where);
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = trimmed(std::string_view(text).substr(begin, end - begin));
    if (!line.empty()) lines.push_back(std::move(line));
    begin = end + 1;
  }
  return lines;
}

FolderEpisodes::FolderEpisodes(fs::path root, std::string layout, std::vector<fs::path> episodes, Read read,
                               std::vector<fs::path> shared)
    : root_(std::move(root)),
      layout_(std::move(layout)),
      episodes_(std::move(episodes)),
      shared_(std::move(shared)),
      read_(std::move(read)) {
  check<FormatError>(!episodes_.empty(), "data::open_episodes", root_.string(), "a folder with episodes", "none");
}

const fs::path& FolderEpisodes::folder_of(std::int64_t index) const {
  check_episode_index(*this, index, "data::open_episodes");
  return episodes_[static_cast<std::size_t>(index)];
}

Episode FolderEpisodes::episode(std::int64_t index) const {
  const fs::path& folder = folder_of(index);
  try {
    Episode episode = read_(folder);
    check_episode(episode, "data::open_episodes");
    return episode;
  } catch (const EpisodeRejected&) {
    throw;
  } catch (const ValueError& error) {
    const std::string text = error.what();
    if (text.find(folder.string()) != std::string::npos) throw FormatError(text);
    throw FormatError(folder.string() + ": " + text);
  }
}

std::string FolderEpisodes::fingerprint() const {
  std::vector<fs::path> files = shared_;
  for (const fs::path& folder : episodes_) {
    const auto below = files_below(folder);
    files.insert(files.end(), below.begin(), below.end());
  }
  return fingerprint_of(root_, files);
}

}  // namespace action_images
