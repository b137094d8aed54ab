// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace action_images {

/// FNV-1a, 64 bit, going on from `hash`: says whether a cache was made with the same weights and options, not a defence
/// against forgery.
inline std::uint64_t digest(const void* data, std::size_t size, std::uint64_t hash) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  for (std::size_t i = 0; i < size; ++i) hash = (hash ^ bytes[i]) * 1099511628211ULL;
  return hash;
}

}  // namespace action_images
