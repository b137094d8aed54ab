// SPDX-License-Identifier: Apache-2.0
#ifdef ACTION_IMAGES_WITH_FFMPEG
#include "index_cache.hpp"

#include "index_file.hpp"

namespace action_images::ffmpeg {
namespace {

std::size_t size_of(const VideoIndex& index) {
  constexpr std::size_t fixed = 1024;
  return fixed + index.packets.size() * sizeof(IndexedPacket) + index.frames.size() * sizeof(IndexedFrame);
}

}  // namespace

IndexCache& IndexCache::of_process() {
  static IndexCache cache;
  return cache;
}

std::shared_ptr<const VideoIndex> IndexCache::get(const std::filesystem::path& path,
                                                  const std::filesystem::path& folder, const std::string& where) {
  const std::string name = std::filesystem::absolute(path).lexically_normal().string();
  const FileState state = InputFile(path, where).state();
  std::shared_ptr<const VideoIndex> index = find(name, state);
  if (index != nullptr) return index;
  if (!folder.empty()) index = load_index(folder, name, state);
  if (index == nullptr) {
    index = make_index(path, where);
    if (!folder.empty()) store_index(folder, name, *index, where);
  }
  keep(name, index);
  return index;
}

std::shared_ptr<const VideoIndex> IndexCache::find(const std::string& path, const FileState& state) {
  const std::lock_guard lock(mutex_);
  const auto found = by_path_.find(path);
  if (found == by_path_.end()) return nullptr;
  if (found->second->index->file != state) {
    forget(found->second);
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->index;
}

void IndexCache::keep(const std::string& path, std::shared_ptr<const VideoIndex> index) {
  const std::lock_guard lock(mutex_);
  if (const auto found = by_path_.find(path); found != by_path_.end()) forget(found->second);
  bytes_ += size_of(*index);
  entries_.push_front({path, std::move(index)});
  by_path_[path] = entries_.begin();
  while (bytes_ > max_bytes && entries_.size() > 1) forget(std::prev(entries_.end()));
}

void IndexCache::forget(std::list<Entry>::iterator entry) {
  bytes_ -= size_of(*entry->index);
  by_path_.erase(entry->path);
  entries_.erase(entry);
}

}  // namespace action_images::ffmpeg
#endif
