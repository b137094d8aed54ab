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
    for (int x = 0; x < width; ++x)
      out[x] = weights[0] * a[x] + weights[1] * b[x] + weights[2] * c[x] + weights[3] * d[x];
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

/// One sample of every row.
typedef float Lanes __attribute__((vector_size(lanes * sizeof(float)), aligned(sizeof(float))));

/// Rows become columns: by pairs, by fours, by eights.
ACTION_IMAGES_INLINE void transpose_square(Lanes (&rows)[lanes]) {
  Lanes pairs[lanes], fours[lanes];
  for (int i = 0; i < lanes; i += 2) {
    pairs[i] = __builtin_shufflevector(rows[i], rows[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    pairs[i + 1] = __builtin_shufflevector(rows[i], rows[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (int i = 0; i < lanes; i += 4) {
    for (int j = 0; j < 2; ++j) {
      fours[i + 2 * j] = __builtin_shufflevector(pairs[i + j], pairs[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      fours[i + 2 * j + 1] = __builtin_shufflevector(pairs[i + j], pairs[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
  for (int i = 0; i < 4; ++i) {
    rows[i] = __builtin_shufflevector(fours[i], fours[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    rows[i + 4] = __builtin_shufflevector(fours[i], fours[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

ACTION_IMAGES_INLINE void transpose_loop(const float* rows, std::ptrdiff_t stride, float* columns, int count) {
  for (int x = 0; x < count; x += lanes) {
    Lanes square[lanes];
    for (int r = 0; r < lanes; ++r) square[r] = *reinterpret_cast<const Lanes*>(rows + r * stride + x);
    transpose_square(square);
    for (int i = 0; i < lanes; ++i) *reinterpret_cast<Lanes*>(columns + (x + i) * lanes) = square[i];
  }
}

ACTION_IMAGES_INLINE void horizontal_loop(const float* columns, const AxisFilter& filter, float* out,
                                          std::ptrdiff_t stride) {
  const int width = static_cast<int>(filter.first.size()), taps = filter.taps;
  for (int begin = 0; begin < width; begin += lanes) {
    Lanes square[lanes];
    for (int i = 0; i < lanes; ++i) {
      const int x = std::min(begin + i, width - 1);
      const float* weights = filter.weights.data() + std::ptrdiff_t(x) * taps;
      const float* samples = columns + std::ptrdiff_t(filter.first[std::size_t(x)]) * lanes;
      Lanes sum = {};
      for (int k = 0; k < taps; ++k) sum += weights[k] * *reinterpret_cast<const Lanes*>(samples + k * lanes);
      square[i] = sum;
    }
    transpose_square(square);
    for (int r = 0; r < lanes; ++r) *reinterpret_cast<Lanes*>(out + r * stride + begin) = square[r];
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
  const int rounded = static_cast<int>(value + 0.5F);  // towards 0: what is negative becomes 0 below
  return static_cast<std::uint8_t>(rounded < 0 ? 0 : rounded > 255 ? 255 : rounded);
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

#define ACTION_IMAGES_KERNELS(name, attributes)                                                                      \
  struct name {                                                                                                      \
    attributes static void vertical(const std::uint8_t* rows, std::ptrdiff_t stride, const float* weights, int taps, \
                                    float* out, int width) {                                                         \
      vertical_loop(rows, stride, weights, taps, out, width);                                                        \
    }                                                                                                                \
    attributes static void transpose(const float* rows, std::ptrdiff_t stride, float* columns, int count) {          \
      transpose_loop(rows, stride, columns, count);                                                                  \
    }                                                                                                                \
    attributes static void horizontal(const float* columns, const AxisFilter& filter, float* out,                    \
                                      std::ptrdiff_t stride) {                                                       \
      horizontal_loop(columns, filter, out, stride);                                                                 \
    }                                                                                                                \
    attributes static void doubling(const float* row, const float* weights, float* out, int pairs) {                 \
      doubling_loop(row, weights, out, pairs);                                                                       \
    }                                                                                                                \
    attributes static void yuv_to_rgb(const Rows& rows, const ColourMatrix& matrix, std::uint8_t* rgb, int width) {  \
      yuv_to_rgb_loop(rows, matrix, rgb, width);                                                                     \
    }                                                                                                                \
    attributes static void pack_rgb(const Rows& rows, std::uint8_t* rgb, int width) {                                \
      pack_rgb_loop(rows, rgb, width);                                                                               \
    }                                                                                                                \
    static constexpr RowKernels kernels{vertical, transpose, horizontal, doubling, yuv_to_rgb, pack_rgb};            \
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
