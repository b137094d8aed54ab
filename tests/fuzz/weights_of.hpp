// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include <sys/mman.h>
#include <unistd.h>

#include <ATen/ATen.h>

#include <action_images/core/error.hpp>
#include <action_images/tensor/weights.hpp>

#include "check_that.hpp"

namespace action_images::fuzz {

/// A file in memory, under a path that can be opened.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view contents) : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    check_that(descriptor_ >= 0, "a file in memory");
    std::size_t written = 0;
    while (written < contents.size()) {
      const auto count = ::write(descriptor_, contents.data() + written, contents.size() - written);
      check_that(count > 0, "a file in memory can be written");
      written += static_cast<std::size_t>(count);
    }
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(descriptor_); }

  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

/// A file is refused with a FormatError, or it gives tensors with no more values than it has bytes, and every value of
/// them can be read, cast and let go.
inline void check_weights(std::string_view contents) {
  const MemoryFile file(contents);
  try {
    const MappedWeights weights(file.path());
    for (const auto& [name, tensor] : weights.tensors()) {
      check_that(tensor.nbytes() <= contents.size(), "a tensor is no larger than its file");
      const at::Tensor copy = weights.copy(tensor, at::kDouble, at::kCPU);
      check_that(copy.sizes() == tensor.sizes(), "a copy has its tensor's shape");
      copy.sum().item<double>();
    }
  } catch (const FormatError&) {
  }
}

}  // namespace action_images::fuzz
