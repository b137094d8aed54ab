// SPDX-License-Identifier: Apache-2.0
#include "mapped_file.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <action_images/core/check.hpp>

namespace action_images {

namespace {

constexpr const char* where = "tensor::MappedFile";

struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  check<FormatError>(file.number >= 0, where, path.string(), "a file that can be read", std::strerror(errno));
  struct stat status {};
  const bool regular = ::fstat(file.number, &status) == 0 && S_ISREG(status.st_mode);
  check<FormatError>(regular, where, path.string(), "a regular file", "another kind");
  size_ = static_cast<std::uint64_t>(status.st_size);
  if (size_ == 0) return;
  void* const address = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.number, 0);
  check<FormatError>(address != MAP_FAILED, where, path.string(), "a file that can be mapped", std::strerror(errno));
  data_ = static_cast<std::uint8_t*>(address);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace action_images
