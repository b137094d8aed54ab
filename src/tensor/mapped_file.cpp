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

std::uintptr_t page_size() { return static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE)); }

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

bool MappedFile::contains(const void* begin, std::uint64_t size) const {
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  const auto first = reinterpret_cast<std::uintptr_t>(data_);
  return data_ != nullptr && address >= first && address - first <= size_ && size <= size_ - (address - first);
}

void MappedFile::prefetch(const void* begin, std::uint64_t size) const { advise(begin, size, MADV_WILLNEED); }

void MappedFile::populate([[maybe_unused]] const void* begin, [[maybe_unused]] std::uint64_t size) const {
#ifdef MADV_POPULATE_READ
  advise(begin, size, MADV_POPULATE_READ);
#endif
}

void MappedFile::release(const void* begin, std::uint64_t size) const {
  const auto page = page_size();
  const auto first = (reinterpret_cast<std::uintptr_t>(begin) + page - 1) / page * page;
  const auto last = (reinterpret_cast<std::uintptr_t>(begin) + size) / page * page;
  if (last > first) advise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

// Advice that the system does not know is no error.
void MappedFile::advise(const void* begin, std::uint64_t size, int advice) const {
  if (size == 0 || !contains(begin, size)) return;
  const auto first = reinterpret_cast<std::uintptr_t>(begin) / page_size() * page_size();
  const auto last = reinterpret_cast<std::uintptr_t>(begin) + size;
  ::madvise(reinterpret_cast<void*>(first), last - first, advice);
}

}  // namespace action_images
