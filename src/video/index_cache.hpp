// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "video_index.hpp"

namespace action_images::ffmpeg {

/// The indices that were used last, of all readers of this process.
class IndexCache {
 public:
  static constexpr std::size_t max_bytes = std::size_t(256) << 20;

  static IndexCache& of_process();

  /// The index of a file as it is now: from memory, else from `folder` if that is not empty, else made (and kept in
  /// both).
  /// @throws FormatError as make_index does, or if `folder` cannot be written.
  std::shared_ptr<const VideoIndex> get(const std::filesystem::path& path, const std::filesystem::path& folder,
                                        const std::string& where);

 private:
  struct Entry {
    std::string path;
    std::shared_ptr<const VideoIndex> index;
  };

  std::shared_ptr<const VideoIndex> find(const std::string& path, const FileState& state);
  void keep(const std::string& path, std::shared_ptr<const VideoIndex> index);
  void forget(std::list<Entry>::iterator entry);

  std::mutex mutex_;
  std::list<Entry> entries_;  ///< the last used in front
  std::unordered_map<std::string, std::list<Entry>::iterator> by_path_;
  std::size_t bytes_ = 0;
};

}  // namespace action_images::ffmpeg
