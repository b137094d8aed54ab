// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace action_images {

/// A file that appears complete or not at all: written under a temporary name in the same folder, renamed by commit();
/// without commit() nothing stays.
class OutputFile {
 public:
  /// Creates the temporary file, empty. @throws FormatError naming `path` if the folder does not take it.
  OutputFile(const std::filesystem::path& path, std::string where);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  const std::filesystem::path& temporary() const { return temporary_; }

  /// Brings the bytes to the disk, then gives the file its name. @throws FormatError if the disk refuses.
  void commit();

 private:
  [[noreturn]] void fail(int error) const;

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  std::string where_;
  bool committed_ = false;
};

}  // namespace action_images
