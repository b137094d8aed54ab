// SPDX-License-Identifier: Apache-2.0
#ifdef ACTION_IMAGES_WITH_FFMPEG
#include "codec.hpp"

#include <action_images/video/frames.hpp>

namespace action_images::ffmpeg {

const std::string& max_pixels_text() {
  static const std::string text = std::to_string(std::int64_t(max_picture_side) * max_picture_side);
  return text;
}

Owned<AVCodecContext> open_decoder(const AVCodecParameters& parameters, AVRational time_base, int threads,
                                   const Place& place) {
  const auto require = [&](int status) {
    if (status < 0) fail(place.where, place.path, "a picture or a video", error_text(status));
  };
  const AVCodec* decoder = avcodec_find_decoder(parameters.codec_id);
  if (decoder == nullptr) fail(place.where, place.path, "a picture or a video", "a codec without a decoder");
  Owned<AVCodecContext> codec = own(avcodec_alloc_context3(decoder));
  require(avcodec_parameters_to_context(codec.get(), &parameters));
  codec->thread_count = threads;
  codec->thread_type = FF_THREAD_FRAME | FF_THREAD_SLICE;
  codec->pkt_timebase = time_base;
  codec->err_recognition = AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER | AV_EF_EXPLODE;
  Dictionary options;
  options.set("max_pixels", max_pixels_text());
  require(avcodec_open2(codec.get(), decoder, options.address()));
  return codec;
}

void check_frame(const AVFrame& frame, int height, int width, const Place& place) {
  if (frame.decode_error_flags != 0 || (frame.flags & AV_FRAME_FLAG_CORRUPT) != 0) {
    fail(place.where, place.path, "undamaged pictures", "decoding errors");
  }
  if (frame.width > max_picture_side || frame.height > max_picture_side) {
    fail(place.where, place.path, text_of("at most ", max_picture_side, " px on each side"),
         text_of(frame.width, " x ", frame.height));
  }
  if (frame.width != width || frame.height != height) {
    fail(place.where, place.path, text_of("one size, ", width, " x ", height),
         text_of(frame.width, " x ", frame.height));
  }
}

}  // namespace action_images::ffmpeg
#endif
