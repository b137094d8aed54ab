// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "ffmpeg.hpp"

namespace action_images::ffmpeg {

/// A frame with pixels of its own, rows aligned for every processor.
Owned<AVFrame> allocate_frame(AVPixelFormat format, int height, int width);

/// The format of a frame's samples and whether they use the full range ("J" formats, of JPEG, are named by their
/// layout).
struct SampleFormat {
  AVPixelFormat format;
  bool full_range;
};
SampleFormat sample_format(const AVFrame& frame);

/// swscale's coefficients of the frame's colour matrix (without one: BT.709 from 720 lines on, else BT.601): red of Cr,
/// blue of Cb, and green of Cb and Cr with the sign turned, in 1/65536 for the limited range.
const int* colour_coefficients(const AVFrame& frame);

/// Converts decoded frames of one file to packed RGB; the scaler is made for the first frame and kept.
class RgbReader {
 public:
  /// @param rgb  receives frame.height * frame.width * 3 bytes.
  void convert(const AVFrame& frame, std::uint8_t* rgb);

 private:
  void prepare(const AVFrame& frame);

  Owned<SwsContext> scaler_;
  Owned<AVFrame> rgb_;
  int source_format_ = AV_PIX_FMT_NONE;
};

/// Converts packed RGB to the frames of one encoder: BT.709, limited range (unless the format itself is RGB).
class RgbWriter {
 public:
  RgbWriter(AVPixelFormat format, int height, int width);
  /// The frame to encode; valid until the next call.
  AVFrame* convert(const std::uint8_t* rgb);

 private:
  Owned<AVFrame> rgb_;
  Owned<AVFrame> frame_;
  Owned<SwsContext> scaler_;
};

}  // namespace action_images::ffmpeg
