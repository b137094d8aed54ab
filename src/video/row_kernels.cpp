// SPDX-License-Identifier: Apache-2.0
#include "row_kernels.hpp"

#include <algorithm>

// Every loop is compiled twice: for any processor, and for AVX2 (without fused multiply-add, which rounds otherwise).
#if defined(__GNUC__) && defined(__x86_64__)
#define ACTION_IMAGES_AVX2 __attribute__((target("avx2")))
#endif
#define ACTION_IMAGES_INLINE inline __attribute__((always_inline))

namespace action_images::ffmpeg {
namespace {

constexpr int block = 128;  ///< samples that stay in registers and the nearest cache

ACTION_IMAGES_INLINE void vertical_loop(const std::uint8_t* rows, std::ptrdiff_t stride, const float* weights, int taps,
                                        float* __restrict out, int width) {
  if (taps == 1) {
    for (int x = 0; x < width; ++x) out[x] = rows[x];
    return;
  }
  if (taps == 4) {
    const std::uint8_t *a = rows, *b = a + stride, *c = b + stride, *d = c + stride;
    for (int x = 0; x < width; ++x) out[x] = weights[0] * a[x] + weights[1] * b[x] + weights[2] * c[x] + weights[3] * d[x];
    return;
  }
  for (int begin = 0; begin < width; begin += block) {
    const int count = std::min(block, width - begin);
    float sums[block] = {};
    for (int k = 0; k < taps; ++k) {
      const std::uint8_t* row = rows + k * stride + begin;
      for (int x = 0; x < count; ++x) sums[x] += weights[k] * row[x];
    }
    for (int x = 0; x < count; ++x) out[begin + x] = sums[x];
  }
}

ACTION_IMAGES_INLINE void horizontal_loop(const float* row, const std::int32_t* first, const float* weights, int taps,
                                          float* __restrict out, int width) {
  for (int x = 0; x < width; ++x) {
    const float* samples = row + first[x];
    float sum = 0.0F;
    for (int k = 0; k < taps; ++k) sum += weights[x * taps + k] * samples[k];
    out[x] = sum;
  }
}

ACTION_IMAGES_INLINE void doubling_loop(const float* row, const float* weights, float* __restrict out, int pairs) {
  const float a = weights[0], b = weights[1], c = weights[2], d = weights[3];
  for (int x = 0; x < pairs; ++x) {
    out[2 * x] = a * row[x] + b * row[x + 1] + c * row[x + 2] + d * row[x + 3];
    out[2 * x + 1] = d * row[x + 1] + c * row[x + 2] + b * row[x + 3] + a * row[x + 4];
  }
}

ACTION_IMAGES_INLINE std::uint8_t to_byte(float value) {
  return static_cast<std::uint8_t>(static_cast<int>(std::min(std::max(value, 0.0F), 255.0F) + 0.5F));
}

ACTION_IMAGES_INLINE void interleave(const std::uint8_t (*bytes)[block], std::uint8_t* __restrict rgb, int count) {
  for (int x = 0; x < count; ++x) {
    rgb[3 * x] = bytes[0][x];
    rgb[3 * x + 1] = bytes[1][x];
    rgb[3 * x + 2] = bytes[2][x];
  }
}

ACTION_IMAGES_INLINE void yuv_to_rgb_loop(const Rows& rows, const ColourMatrix& matrix, std::uint8_t* rgb, int width) {
  const ColourMatrix m = matrix;
  for (int begin = 0; begin < width; begin += block) {
    const int count = std::min(block, width - begin);
    const float *ys = rows.first + begin, *us = rows.second + begin, *vs = rows.third + begin;
    std::uint8_t bytes[3][block];
    for (int x = 0; x < count; ++x) {
      const float y = m.luma * ys[x];
      bytes[0][x] = to_byte(y + m.red_v * vs[x] + m.red_offset);
      bytes[1][x] = to_byte(y + m.green_u * us[x] + m.green_v * vs[x] + m.green_offset);
      bytes[2][x] = to_byte(y + m.blue_u * us[x] + m.blue_offset);
    }
    interleave(bytes, rgb + 3 * begin, count);
  }
}

ACTION_IMAGES_INLINE void pack_rgb_loop(const Rows& rows, std::uint8_t* __restrict rgb, int width) {
  for (int x = 0; x < width; ++x) {
    rgb[3 * x] = to_byte(rows.first[x]);
    rgb[3 * x + 1] = to_byte(rows.second[x]);
    rgb[3 * x + 2] = to_byte(rows.third[x]);
  }
}

#define ACTION_IMAGES_KERNELS(name, attributes)                                                                     \
  struct name {                                                                                                     \
    attributes static void vertical(const std::uint8_t* rows, std::ptrdiff_t stride, const float* weights, int taps, \
                                    float* out, int width) {                                                        \
      vertical_loop(rows, stride, weights, taps, out, width);                                                       \
    }                                                                                                               \
    attributes static void horizontal(const float* row, const std::int32_t* first, const float* weights, int taps,  \
                                      float* out, int width) {                                                      \
      horizontal_loop(row, first, weights, taps, out, width);                                                       \
    }                                                                                                               \
    attributes static void doubling(const float* row, const float* weights, float* out, int pairs) {                \
      doubling_loop(row, weights, out, pairs);                                                                      \
    }                                                                                                               \
    attributes static void yuv_to_rgb(const Rows& rows, const ColourMatrix& matrix, std::uint8_t* rgb, int width) { \
      yuv_to_rgb_loop(rows, matrix, rgb, width);                                                                    \
    }                                                                                                               \
    attributes static void pack_rgb(const Rows& rows, std::uint8_t* rgb, int width) {                               \
      pack_rgb_loop(rows, rgb, width);                                                                              \
    }                                                                                                               \
    static constexpr RowKernels kernels{vertical, horizontal, doubling, yuv_to_rgb, pack_rgb};                      \
  };

ACTION_IMAGES_KERNELS(Plain, )
#ifdef ACTION_IMAGES_AVX2
ACTION_IMAGES_KERNELS(Avx2, ACTION_IMAGES_AVX2)
#endif

}  // namespace

const RowKernels& row_kernels() {
#ifdef ACTION_IMAGES_AVX2
  if (__builtin_cpu_supports("avx2")) return Avx2::kernels;
#endif
  return Plain::kernels;
}

}  // namespace action_images::ffmpeg
