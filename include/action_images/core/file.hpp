// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

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

namespace detail {

/// A file descriptor that is closed, and a file that is removed, unless `keep` was reached.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::filesystem::path& target) : name_(target.string() + ".XXXXXX") {
    descriptor_ = ::mkstemp(name_.data());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    if (!kept_) ::unlink(name_.c_str());
  }

  bool is_open() const { return descriptor_ >= 0; }

  bool write(std::string_view contents) {
    while (!contents.empty()) {
      const ::ssize_t written = ::write(descriptor_, contents.data(), contents.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      contents.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
  }

  /// Brings the contents to the disk and gives the file its name.
  bool keep(const std::filesystem::path& target) {
    kept_ =
        ::fchmod(descriptor_, 0644) == 0 && ::fsync(descriptor_) == 0 && ::rename(name_.c_str(), target.c_str()) == 0;
    return kept_;
  }

 private:
  std::string name_;
  int descriptor_ = -1;
  bool kept_ = false;
};

}  // namespace detail

/// Writes a file as a whole: to a temporary file beside it that then takes its place, so that a reader never sees half.
/// @throws FormatError if it cannot be written; an older file of that name is then unchanged.
inline void write_file(const std::filesystem::path& path, std::string_view contents, std::string_view where) {
  detail::TemporaryFile file(path);
  const bool written = file.is_open() && file.write(contents) && file.keep(path);
  check<FormatError>(written, where, path.string(), "a writable file", std::strerror(errno));
}

}  // namespace action_images
