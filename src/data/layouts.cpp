// SPDX-License-Identifier: Apache-2.0
#include "layouts.hpp"

#include <array>

#include <action_images/codec_io/trajectory_file.hpp>
#include <action_images/core/check.hpp>
#include <action_images/data/clip_dataset.hpp>
#include <action_images/data/native.hpp>
#include <action_images/data/released_layouts.hpp>

#include "folders.hpp"

namespace action_images {
namespace {

namespace fs = std::filesystem;

constexpr auto where = "data::open_episodes";

bool has_clips(const fs::path& folder) { return fs::exists(folder / "shard-00000.safetensors"); }

bool is_native(const fs::path& folder) {
  return fs::is_directory(folder / "episodes") &&
         (fs::exists(folder / "dataset.json") || fs::exists(folder / "writing.json"));
}

bool is_rlbench(const fs::path& folder) {
  for (const fs::path& task : folders_in(folder)) {
    for (const fs::path& variation : folders_in(task, "variation")) {
      if (fs::is_directory(variation / "episodes")) return true;
    }
  }
  return false;
}

bool is_bridge(const fs::path& folder) {
  const auto episodes = processed_episodes(folder);
  return !episodes.empty() && fs::is_directory(episodes.front() / "vggt");
}

bool is_droid(const fs::path& folder) {
  const auto episodes = processed_episodes(folder);
  return !episodes.empty() && fs::exists(episodes.front() / "camera.json");
}

// Opens a layout without options.
template <auto open>
std::shared_ptr<const EpisodeSource> open_plain(const std::string& text) {
  const PathWithOptions path(text);
  path.refuse_others();
  return open(path.path);
}

std::shared_ptr<const EpisodeSource> open_droid_with_options(const std::string& text) {
  PathWithOptions path(text);
  DroidOptions options;
  options.max_residual = path.take("max_residual", options.max_residual);
  options.max_jump = path.take("max_jump", options.max_jump);
  options.keep_actions = path.take("keep_actions", 0.0) != 0.0;
  path.refuse_others();
  return open_droid(path.path, options);
}

bool is_never(const fs::path&) { return false; }

constexpr std::array<Layout, 6> all_layouts{{
    {"native", is_native, open_plain<open_native>},
    {"clips", has_clips, open_plain<open_clips>},
    {"bridge", is_bridge, open_plain<open_bridge>},
    {"droid", is_droid, open_droid_with_options},
    {"rlbench", is_rlbench, open_plain<open_rlbench>},
    {"synthetic", is_never, open_synthetic},  // nothing lies on disk
}};

}  // namespace

std::span<const Layout> layouts() { return all_layouts; }

PathWithOptions::PathWithOptions(const std::string& text) : path(text.substr(0, text.rfind('?'))) {
  const std::size_t mark = text.rfind('?');
  std::string rest = mark == std::string::npos ? "" : text.substr(mark + 1);
  while (!rest.empty()) {
    const std::string option = rest.substr(0, rest.find('&'));
    rest.erase(0, option.size() + 1);
    const std::size_t equals = option.find('=');
    const auto number =
        equals == std::string::npos ? std::nullopt : detail::number_of(std::string_view(option).substr(equals + 1));
    check(number.has_value(), where, "spec", "options \"key=number\" after '?', with '&' between", printable(option));
    numbers[option.substr(0, equals)] = *number;
  }
}

double PathWithOptions::take(const std::string& key, double absent) {
  const auto found = numbers.find(key);
  if (found == numbers.end()) return absent;
  const double value = found->second;
  numbers.erase(found);
  return value;
}

void PathWithOptions::refuse_others() const {
  check(numbers.empty(), where, path.string(), "options that the kind has",
        numbers.empty() ? "" : printable(numbers.begin()->first));
}

}  // namespace action_images
