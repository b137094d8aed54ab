// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/// Copies past the caches, where the processor can: a result larger than they are would only displace what is in use.
namespace action_images::detail {

/// Results of this size and more are streamed [bytes].
inline constexpr std::size_t streaming_size = std::size_t{1} << 23;

/// Copies bytes, past the caches if asked to and `to` is a multiple of 16; `finish_streaming` must follow.
inline void copy(void* to, const void* from, std::size_t bytes, bool streaming) {
#if defined(__SSE2__)
  if (streaming && reinterpret_cast<std::uintptr_t>(to) % sizeof(__m128i) == 0) {
    auto* target = static_cast<__m128i*>(to);
    const auto* source = static_cast<const __m128i*>(from);
    for (; bytes >= sizeof(__m128i); bytes -= sizeof(__m128i)) _mm_stream_si128(target++, _mm_loadu_si128(source++));
    to = target;
    from = source;
  }
#endif
  std::memcpy(to, from, bytes);
}

/// Makes what a thread has streamed visible to others.
inline void finish_streaming() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

}  // namespace action_images::detail
