// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "axis_filter.hpp"
#include "colour.hpp"
#include "row_kernels.hpp"

namespace action_images::ffmpeg {

/// Crops and resizes one plane of samples, `lanes` rows at a time.
class PlaneResampler {
 public:
  PlaneResampler(AxisFilter rows, AxisFilter columns);

  /// Rows y .. y + lanes - 1 of the result (those past the last repeat it).
  /// @param plane  first sample of the source.
  /// @param out    receives `lanes` rows of padded_width(width) samples.
  void rows(const std::uint8_t* plane, std::ptrdiff_t stride, int y, float* out);

  /// Samples between rows of results that are `width` wide.
  static std::ptrdiff_t padded_width(int width) { return (width + lanes - 1) / lanes * lanes; }

 private:
  void vertical(const std::uint8_t* plane, std::ptrdiff_t stride, int y, float* out) const;
  void double_line(float* line, float* out) const;

  AxisFilter rows_;
  AxisFilter columns_;
  int width_;  ///< of the result
  int begin_;  ///< source columns that are used
  int end_;
  bool copies_;  ///< columns stay as they are
  int margin_;   ///< samples of lines_ before column begin_
  std::ptrdiff_t line_stride_;
  std::vector<float> lines_;   ///< rows of the used columns
  std::vector<float> turned_;  ///< the same, transposed
  const RowKernels& kernels_;
};

/// Converts decoded frames of one video to packed RGB of one size: centre crop to the aspect ratio, antialiased linear
/// resize and colour conversion in one pass over the rows.
///
/// The result is that of RgbReader followed by the resize, but for rounding and clipping, which are done once, at the
/// end. 8-bit yuv420p, yuv422p and yuv444p are read from their planes; other formats go through RgbReader.
class PictureConverter {
 public:
  PictureConverter(int height, int width) : height_(height), width_(width) {}

  /// @param rgb  receives height * width * 3 bytes.
  void convert(const AVFrame& frame, std::uint8_t* rgb);

 private:
  void prepare(const AVFrame& frame);
  void convert_planes(const AVFrame& frame, std::uint8_t* rgb);
  void convert_rgb(const AVFrame& frame, std::uint8_t* rgb);

  int height_;
  int width_;
  std::array<int, 3> prepared_for_{AV_PIX_FMT_NONE, 0, 0};  ///< format, range and matrix of the frames
  ColourMatrix matrix_;
  std::optional<PlaneResampler> luma_;
  std::optional<PlaneResampler> chroma_;
  RgbReader reader_;
  std::vector<std::uint8_t> full_;  ///< RGB of the frame's own size, packed and then as three planes
  std::vector<float> rows_;         ///< of the result: `lanes` rows of three planes
};

}  // namespace action_images::ffmpeg
