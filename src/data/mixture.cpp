// SPDX-License-Identifier: Apache-2.0
#include <action_images/data/mixture.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <utility>

#include <action_images/codec_io/trajectory_file.hpp>
#include <action_images/core/check.hpp>

namespace action_images {
namespace {

constexpr std::string_view where = "data::mixture_from_text";

std::string spec_below(const std::string& root, const std::string& name) {
  if (root.empty() || name.find(':') != std::string::npos) return name;
  const std::string path = (std::filesystem::path(root) / name).string();
  const auto kinds = episode_kinds();
  return std::find(kinds.begin(), kinds.end(), name) == kinds.end() ? path : name + ':' + path;
}

MixtureEntry entry_from(const std::string& part, const std::string& root) {
  const std::size_t at = part.rfind('@');
  const std::string name(detail::trimmed(std::string_view(part).substr(0, at)));
  const std::optional<double> ratio = at == std::string::npos
                                          ? std::optional(1.0)
                                          : detail::number_of(detail::trimmed(std::string_view(part).substr(at + 1)));
  const bool sound = !name.empty() && ratio && std::isfinite(*ratio) && *ratio >= 0.0;
  check(sound, where, "text", "\"spec@ratio\" with a ratio of at least 0", printable(part, 200));
  return {spec_below(root, name), *ratio};
}

}  // namespace

std::vector<MixtureEntry> mixture_from_text(const std::string& text, const std::string& root) {
  std::vector<MixtureEntry> entries;
  double sum = 0.0;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string part(detail::trimmed(std::string_view(text).substr(begin, end - begin)));
    begin = end + 1;
    if (part.empty()) continue;
    MixtureEntry entry = entry_from(part, root);
    if (entry.share == 0.0) continue;
    sum += entry.share;
    entries.push_back(std::move(entry));
  }
  check(!entries.empty(), where, "text", "at least one data set with a ratio above 0", printable(text, 200));
  for (MixtureEntry& entry : entries) entry.share /= sum;
  return entries;
}

std::vector<MixtureSource> open_mixture(const std::string& text, const std::string& root) {
  std::vector<MixtureSource> sources;
  for (const MixtureEntry& entry : mixture_from_text(text, root))
    sources.push_back({open_episodes(entry.spec), entry.share});
  return sources;
}

}  // namespace action_images
