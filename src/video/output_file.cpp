// SPDX-License-Identifier: Apache-2.0
#include "output_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <action_images/core/check.hpp>

namespace action_images {

OutputFile::OutputFile(const std::filesystem::path& path, std::string where) : path_(path), where_(std::move(where)) {
  static std::atomic<unsigned> count = 0;
  // The ending stays, as it chooses the container.
  temporary_ = path_.parent_path() /
               text_of('.', path_.stem().string(), '-', ::getpid(), '-', count++, ".part", path_.extension().string());
  const int descriptor = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0) fail(errno);
  ::close(descriptor);
}

OutputFile::~OutputFile() {
  if (!committed_) ::unlink(temporary_.c_str());
}

void OutputFile::commit() {
  const int descriptor = ::open(temporary_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(errno);
  const int synced = ::fsync(descriptor);
  const int error = errno;
  ::close(descriptor);
  if (synced != 0) fail(error);
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) fail(errno);
  committed_ = true;
}

void OutputFile::fail(int error) const {
  throw FormatError(expected_text(where_, path_.string(), "a file that can be written", std::strerror(error)));
}

}  // namespace action_images
