// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

namespace action_images {

/// A whole file in memory: pages are read when they are touched, and writes stay in this process.
class MappedFile {
 public:
  /// @throws FormatError if the file cannot be opened, is not a regular file, or cannot be mapped.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::uint8_t* data() const { return data_; }
  std::uint64_t size() const { return size_; }
  std::span<const std::uint8_t> bytes() const { return {data_, size_}; }

  /// Whether the memory is a part of the mapping.
  bool contains(const void* begin, std::uint64_t size) const;

  /// Asks for a part to be read from the disk in the background.
  void prefetch(const void* begin, std::uint64_t size) const;

  /// Brings a part into memory at once, which is faster than touching it page by page.
  void populate(const void* begin, std::uint64_t size) const;

  /// Gives back the memory of the whole pages in a part: they are read again when they are touched, and what was
  /// written to them is lost.
  void release(const void* begin, std::uint64_t size) const;

 private:
  void advise(const void* begin, std::uint64_t size, int advice) const;

  std::uint8_t* data_ = nullptr;
  std::uint64_t size_ = 0;
};

}  // namespace action_images
