// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "ffmpeg.hpp"

namespace action_images::ffmpeg {

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
  std::int64_t size() const { return size_; }

  /// Offset of the last occurrence of a two-byte marker, or -1.
  std::int64_t find_last(std::uint8_t first, std::uint8_t second) const;

 private:
  static int read(void* self, std::uint8_t* bytes, int count);
  static std::int64_t seek(void* self, std::int64_t offset, int origin);

  std::filesystem::path path_;
  std::string where_;
  int descriptor_ = -1;
  std::int64_t size_ = 0;
  Owned<AVIOContext> io_;
};

}  // namespace action_images::ffmpeg
