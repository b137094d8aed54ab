// SPDX-License-Identifier: Apache-2.0
#include <action_images/data/episode_source.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include <action_images/core/check.hpp>
#include <action_images/data/native.hpp>

#include "layouts.hpp"

namespace action_images {
namespace {

constexpr auto where = "data::open_episodes";
namespace fs = std::filesystem;

// The kinds that were added, by name.
struct AddedKinds {
  std::mutex mutex;
  std::map<std::string, EpisodeOpener> openers;

  static AddedKinds& all() {
    static AddedKinds kinds;
    return kinds;
  }
};

EpisodeOpener opener_of(const std::string& kind) {
  for (const Layout& layout : layouts()) {
    if (layout.kind == kind) return [&layout](const std::string& path) { return layout.open(path); };
  }
  AddedKinds& added = AddedKinds::all();
  const std::scoped_lock lock(added.mutex);
  const auto found = added.openers.find(kind);
  return found == added.openers.end() ? EpisodeOpener() : found->second;
}

bool is_kind(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '_';
  });
}

std::string known_kinds() {
  std::string text;
  for (const std::string& kind : episode_kinds()) text += (text.empty() ? "" : ", ") + kind;
  return text;
}

std::shared_ptr<const EpisodeSource> open_recognised(const std::string& path) {
  const fs::path folder = path.substr(0, path.rfind('?'));
  std::error_code error;
  check<FormatError>(fs::is_directory(folder, error), where, folder.string(), "a folder", "none");
  for (const Layout& layout : layouts()) {
    if (layout.recognises(folder)) return layout.open(path);
  }
  throw FormatError(expected_text(
      where, folder.string(),
      text_of("a data set of a kind that is recognised (", known_kinds(), "; or \"kind:path\")"), "another folder"));
}

}  // namespace

std::shared_ptr<const EpisodeSource> open_episodes(const std::string& spec) {
  const std::size_t colon = spec.find(':');
  const std::string kind = colon == std::string::npos ? "" : spec.substr(0, colon);
  if (!is_kind(kind)) return open_recognised(spec);
  const EpisodeOpener open = opener_of(kind);
  check(open != nullptr, where, "spec", text_of("one of the kinds ", known_kinds()), printable(spec, 200));
  return open(spec.substr(colon + 1));
}

void add_episode_kind(const std::string& kind, EpisodeOpener open) {
  const auto built_in = layouts();
  const bool taken =
      std::any_of(built_in.begin(), built_in.end(), [&](const Layout& layout) { return layout.kind == kind; });
  check(is_kind(kind) && !taken, "data::add_episode_kind", "kind", "a new name of a-z, 0-9 and _", printable(kind));
  AddedKinds& added = AddedKinds::all();
  const std::scoped_lock lock(added.mutex);
  added.openers[kind] = std::move(open);
}

std::vector<std::string> episode_kinds() {
  std::vector<std::string> kinds;
  for (const Layout& layout : layouts()) kinds.emplace_back(layout.kind);
  AddedKinds& added = AddedKinds::all();
  const std::scoped_lock lock(added.mutex);
  for (const auto& [kind, open] : added.openers) kinds.push_back(kind);
  std::sort(kinds.begin(), kinds.end());
  return kinds;
}

}  // namespace action_images
