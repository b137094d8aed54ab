// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "ffmpeg.hpp"

namespace action_images::ffmpeg {

/// What tells one state of a file from another.
struct FileState {
  std::int64_t size = 0;         ///< [bytes]
  std::int64_t modified_ns = 0;  ///< since 1970
  bool operator==(const FileState&) const = default;
};

/// A regular file opened for FFmpeg. Nothing else can be reached through it: no network, no second file named in a
/// playlist, no device.
class InputFile {
 public:
  /// @throws FormatError if the file is missing, unreadable, empty or not a regular file.
  InputFile(const std::filesystem::path& path, std::string where);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  AVIOContext* io() { return io_.get(); }
  const std::filesystem::path& path() const { return path_; }
  const std::string& where() const { return where_; }
  std::int64_t size() const { return state_.size; }
  const FileState& state() const { return state_; }

  /// Reads `count` bytes from `offset` on; false if the file ends before or cannot be read.
  bool read_at(std::int64_t offset, std::uint8_t* bytes, std::size_t count) const;

  /// Offset of the last occurrence of a two-byte marker, or -1.
  std::int64_t find_last(std::uint8_t first, std::uint8_t second) const;

 private:
  static int read(void* self, std::uint8_t* bytes, int count);
  static std::int64_t seek(void* self, std::int64_t offset, int origin);

  std::filesystem::path path_;
  std::string where_;
  int descriptor_ = -1;
  FileState state_;
  Owned<AVIOContext> io_;
};

}  // namespace action_images::ffmpeg
