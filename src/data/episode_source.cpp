// SPDX-License-Identifier: Apache-2.0
#include <action_images/data/episode_source.hpp>

#include <algorithm>
#include <system_error>
#include <utility>

#include <c10/util/hash.h>

#include <action_images/core/check.hpp>
#include <action_images/core/file.hpp>

namespace action_images {
namespace {

constexpr std::uintmax_t largest_hashed = 16 << 20;

bool is_video(const std::filesystem::path& file) {
  const std::string ending = file.extension().string();
  return ending == ".mp4" || ending == ".mkv" || ending == ".mov" || ending == ".avi" || ending == ".webm";
}

class JoinedEpisodes : public EpisodeSource {
 public:
  explicit JoinedEpisodes(std::vector<std::shared_ptr<const EpisodeSource>> sources) : sources_(std::move(sources)) {
    check(!sources_.empty(), "data::joined_episodes", "sources", "at least one", "none");
  }

  std::string name() const override {
    std::string names;
    for (const auto& source : sources_) {
      if (!names.empty()) names += ',';
      names += source->name();
    }
    return names;
  }

  std::int64_t size() const override {
    std::int64_t size = 0;
    for (const auto& source : sources_) size += source->size();
    return size;
  }

  // The one that all have.
  std::string layout() const override {
    const std::string first = sources_.front()->layout();
    const auto equal = [&](const auto& source) { return source->layout() == first; };
    return std::all_of(sources_.begin(), sources_.end(), equal) ? first : std::string();
  }

  Episode episode(std::int64_t index) const override {
    const auto [source, local] = place_of(index);
    return source->episode(local);
  }

  std::string episode_name(std::int64_t index) const override {
    const auto [source, local] = place_of(index);
    return source->episode_name(local);
  }

  std::string fingerprint() const override {
    std::string all;
    for (const auto& source : sources_) all += source->fingerprint() + '\n';
    return c10::sha1(all).str();
  }

  std::vector<std::string> notices() const override {
    std::vector<std::string> all;
    for (const auto& source : sources_) {
      for (std::string& notice : source->notices()) all.push_back(std::move(notice));
    }
    return all;
  }

 private:
  std::pair<const EpisodeSource*, std::int64_t> place_of(std::int64_t index) const {
    check_episode_index(*this, index, "data::joined_episodes");
    for (const auto& source : sources_) {
      if (index < source->size()) return {source.get(), index};
      index -= source->size();
    }
    throw ValueError(expected_text("data::joined_episodes", "sources", "sizes that do not change", "others"));
  }

  std::vector<std::shared_ptr<const EpisodeSource>> sources_;
};

}  // namespace

void check_episode_index(const EpisodeSource& source, std::int64_t index, std::string_view where) {
  check(index >= 0 && index < source.size(), where, source.name() + ": episode", text_of("0..", source.size() - 1),
        index);
}

std::shared_ptr<const EpisodeSource> joined_episodes(std::vector<std::shared_ptr<const EpisodeSource>> sources) {
  if (sources.size() == 1) return std::move(sources.front());
  return std::make_shared<JoinedEpisodes>(std::move(sources));
}

std::string fingerprint_of(const std::filesystem::path& root, const std::vector<std::filesystem::path>& files) {
  std::string all;
  for (const auto& file : files) {
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(file, error);
    all += text_of(file.lexically_relative(root).string(), '\n', error ? "missing" : std::to_string(size), '\n');
    if (error || size > largest_hashed || is_video(file)) continue;
    all += c10::sha1(read_file(file, largest_hashed, "data::fingerprint_of")).str() + '\n';
  }
  return c10::sha1(all).str();
}

}  // namespace action_images
