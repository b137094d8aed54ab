// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace action_images::nn {

/// Positions of the tokens of a video on the (time, height, width) axes.
struct RotaryGrid {
  std::vector<std::int64_t> time;  ///< rotary time index of every token frame
  std::int64_t height = 0;         ///< rows of tokens, at indices 0 .. height - 1
  std::int64_t width = 0;          ///< tokens in a row, at indices 0 .. width - 1
};

/// Rotations exp(i angle) of every token, (N, head_dim / 2) complex64 on the CPU, N = time * height * width, row-major.
///
/// Of the head_dim / 2 angles, f = head_dim / 6 (rounded down) each belong to height and width and the rest to time; an
/// axis with f frequencies turns by position * theta^(-i / f), i < f (Wan 2.1, rotary position embedding).
/// @throws ValueError if head_dim is odd, or theta is not positive.
at::Tensor rotary_table(const RotaryGrid& grid, std::int64_t head_dim, double theta = 10000.0);

/// Turns each pair of neighbouring channels (2 i, 2 i + 1) by the table's angle i, in float32.
/// @param x      (B, N, heads, head_dim).
/// @param table  (N, head_dim / 2), or (B, N, head_dim / 2) for a batch whose samples turn differently; complex64, on
///               x's device. An entry that is no rotation scales its pair, too.
/// @return the shape and dtype of x.
at::Tensor rotate(const at::Tensor& x, const at::Tensor& table);

}  // namespace action_images::nn
