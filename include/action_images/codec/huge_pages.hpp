// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <limits>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace action_images {

/// Allocator for results of many megabytes. From 4 MiB on it asks the system for pages of 2 MiB, as numpy does: the
/// first writing of fresh memory then takes a fraction of the time. It is a wish: where there are none, pages are as
/// usual.
template <typename Value>
struct HugePageAllocator {
  using value_type = Value;
  static constexpr std::size_t page_size = std::size_t{1} << 21;  ///< [bytes]
  static constexpr std::size_t threshold = 2 * page_size;

  HugePageAllocator() = default;
  template <typename Other>
  HugePageAllocator(const HugePageAllocator<Other>&) noexcept {}

  Value* allocate(std::size_t count) {
    if (count > std::numeric_limits<std::size_t>::max() / sizeof(Value)) throw std::bad_array_new_length();
    const std::size_t bytes = count * sizeof(Value);
    if (bytes < threshold) return static_cast<Value*>(::operator new(bytes));
    void* const memory = ::operator new (bytes, std::align_val_t{page_size});
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    return static_cast<Value*>(memory);
  }

  void deallocate(Value* memory, std::size_t count) noexcept {
    if (count * sizeof(Value) < threshold) return ::operator delete(memory);
    ::operator delete (memory, std::align_val_t{page_size});
  }

  template <typename Other>
  bool operator==(const HugePageAllocator<Other>&) const noexcept {
    return true;
  }
};

}  // namespace action_images
