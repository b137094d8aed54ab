// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <action_images/core/check.hpp>

namespace action_images {

/// Contents of a file of at most `max_bytes`.
/// @param where  the caller, for messages such as "codec_io::load_rig".
/// @throws FormatError if the file cannot be read or is larger.
inline std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes, std::string_view where) {
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path, error);
  check<FormatError>(!error, where, path.string(), "a readable file", error.message());
  check<FormatError>(size <= max_bytes, where, path.string(), text_of("at most ", max_bytes, " bytes"), size);
  std::ifstream stream(path, std::ios::binary);
  std::string contents(static_cast<std::size_t>(size), '\0');
  stream.read(contents.data(), static_cast<std::streamsize>(size));
  check<FormatError>(stream.gcount() == static_cast<std::streamsize>(size), where, path.string(), "a readable file",
                     "a failing read");
  return contents;
}

/// A file under a temporary name beside its target, which it replaces when it is committed: a reader never sees half a
/// file, and one that is destroyed before commit() leaves nothing behind.
class ReplacementFile {
 public:
  /// @param where  the caller, for messages.   @throws FormatError if the file cannot be created; so do the others.
  ReplacementFile(const std::filesystem::path& target, std::string_view where)
      : target_(target), where_(where), temporary_(target.string() + ".XXXXXX") {
    descriptor_ = ::mkstemp(temporary_.data());
    require(descriptor_ >= 0);
  }
  ReplacementFile(const ReplacementFile&) = delete;
  ReplacementFile& operator=(const ReplacementFile&) = delete;
  ~ReplacementFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!committed_) ::unlink(temporary_.c_str());
  }

  void write(const void* data, std::size_t size) {
    static constexpr std::size_t largest_write = std::size_t{1} << 30;
    const auto* bytes = static_cast<const char*>(data);
    while (size > 0) {
      const ::ssize_t written = ::write(descriptor_, bytes, std::min(size, largest_write));
      if (written < 0 && errno == EINTR) continue;
      require(written > 0);
      bytes += written;
      size -= static_cast<std::size_t>(written);
    }
  }

  /// Brings the contents to the disk and gives the file its name.
  void commit() {
    require(::fchmod(descriptor_, 0644) == 0 && ::fsync(descriptor_) == 0);
    require(::close(std::exchange(descriptor_, -1)) == 0);
    require(::rename(temporary_.c_str(), target_.c_str()) == 0);
    committed_ = true;
    sync_folder();
  }

 private:
  void require(bool condition) const {
    check<FormatError>(condition, where_, target_.string(), "a writable file", std::strerror(errno));
  }

  // Makes the new name durable; some file systems do not offer it, which is no error.
  void sync_folder() const {
    const auto folder = target_.has_parent_path() ? target_.parent_path() : std::filesystem::path(".");
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return;
    ::fsync(descriptor);
    ::close(descriptor);
  }

  std::filesystem::path target_;
  std::string where_;
  std::string temporary_;
  int descriptor_ = -1;
  bool committed_ = false;
};

/// Writes a file as a whole: to a temporary file beside it that then takes its place, so that a reader never sees half.
/// @throws FormatError if it cannot be written; an older file of that name is then unchanged.
inline void write_file(const std::filesystem::path& path, std::string_view contents, std::string_view where) {
  ReplacementFile file(path, where);
  file.write(contents.data(), contents.size());
  file.commit();
}

}  // namespace action_images
