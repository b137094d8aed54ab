// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "ffmpeg.hpp"

namespace action_images::ffmpeg {

/// Where a decoder works for, in messages.
struct Place {
  std::string where;  ///< the public function, e.g. "video::read_image"
  std::filesystem::path path;
};

/// Pixels of the largest picture that is decoded, as FFmpeg's option of a codec takes it.
const std::string& max_pixels_text();

/// Opens the decoder of a stream, strict about damage.
/// @param threads  of the decoder, frames and slices; 0: one for every core.
/// @throws FormatError naming the file if this FFmpeg does not decode it.
Owned<AVCodecContext> open_decoder(const AVCodecParameters& parameters, AVRational time_base, int threads,
                                   const Place& place);

/// Checks that a decoded frame is whole and neither too large nor of another size than (height, width).
/// @throws FormatError naming the file otherwise.
void check_frame(const AVFrame& frame, int height, int width, const Place& place);

}  // namespace action_images::ffmpeg
