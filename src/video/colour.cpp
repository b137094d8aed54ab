// SPDX-License-Identifier: Apache-2.0
#ifdef ACTION_IMAGES_WITH_FFMPEG
#include "colour.hpp"

#include <cstring>

namespace action_images::ffmpeg {
namespace {

constexpr int row_alignment = 64;
constexpr int scaling = SWS_BICUBIC | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP | SWS_ACCURATE_RND | SWS_BITEXACT;
constexpr int one = 1 << 16;  // neutral contrast and saturation, 16.16 fixed point

/// The file's colour matrix; a file that does not say is taken as its resolution's custom.
int colour_matrix(const AVFrame& frame) {
  if (frame.colorspace != AVCOL_SPC_UNSPECIFIED && frame.colorspace != AVCOL_SPC_RGB) return frame.colorspace;
  return frame.height >= 720 ? SWS_CS_ITU709 : SWS_CS_ITU601;
}

Owned<SwsContext> make_scaler(AVPixelFormat from, AVPixelFormat to, int height, int width) {
  return own(sws_getContext(width, height, from, width, height, to, scaling, nullptr, nullptr, nullptr));
}

}  // namespace

SampleFormat sample_format(const AVFrame& frame) {
  const bool full_range = frame.color_range == AVCOL_RANGE_JPEG;
  switch (frame.format) {
    case AV_PIX_FMT_YUVJ420P:
      return {AV_PIX_FMT_YUV420P, true};
    case AV_PIX_FMT_YUVJ422P:
      return {AV_PIX_FMT_YUV422P, true};
    case AV_PIX_FMT_YUVJ444P:
      return {AV_PIX_FMT_YUV444P, true};
    case AV_PIX_FMT_YUVJ440P:
      return {AV_PIX_FMT_YUV440P, true};
    case AV_PIX_FMT_YUVJ411P:
      return {AV_PIX_FMT_YUV411P, true};
    default:
      return {AVPixelFormat(frame.format), full_range};
  }
}

const int* colour_coefficients(const AVFrame& frame) { return sws_getCoefficients(colour_matrix(frame)); }

Owned<AVFrame> allocate_frame(AVPixelFormat format, int height, int width) {
  Owned<AVFrame> frame = own(av_frame_alloc());
  frame->format = format;
  frame->height = height;
  frame->width = width;
  if (av_frame_get_buffer(frame.get(), row_alignment) < 0) throw std::bad_alloc();
  return frame;
}

void RgbReader::prepare(const AVFrame& frame) {
  const SampleFormat source = sample_format(frame);
  scaler_ = make_scaler(source.format, AV_PIX_FMT_RGB24, frame.height, frame.width);
  const int* from = colour_coefficients(frame);
  sws_setColorspaceDetails(scaler_.get(), from, source.full_range, from, 1, 0, one, one);
  rgb_ = allocate_frame(AV_PIX_FMT_RGB24, frame.height, frame.width);
  source_format_ = frame.format;
}

void RgbReader::convert(const AVFrame& frame, std::uint8_t* rgb) {
  if (frame.format != source_format_) prepare(frame);
  sws_scale(scaler_.get(), frame.data, frame.linesize, 0, frame.height, rgb_->data, rgb_->linesize);
  const int row = frame.width * 3;
  av_image_copy_plane(rgb, row, rgb_->data[0], rgb_->linesize[0], row, frame.height);
}

RgbWriter::RgbWriter(AVPixelFormat format, int height, int width)
    : rgb_(allocate_frame(AV_PIX_FMT_RGB24, height, width)), frame_(allocate_frame(format, height, width)) {
  scaler_ = make_scaler(AV_PIX_FMT_RGB24, format, height, width);
  const int* matrix = sws_getCoefficients(SWS_CS_ITU709);
  sws_setColorspaceDetails(scaler_.get(), matrix, 1, matrix, 0, 0, one, one);
}

AVFrame* RgbWriter::convert(const std::uint8_t* rgb) {
  if (av_frame_make_writable(frame_.get()) < 0) throw std::bad_alloc();  // the encoder may still hold the last one
  const int row = rgb_->width * 3;
  av_image_copy_plane(rgb_->data[0], rgb_->linesize[0], rgb, row, row, rgb_->height);
  sws_scale(scaler_.get(), rgb_->data, rgb_->linesize, 0, rgb_->height, frame_->data, frame_->linesize);
  return frame_.get();
}

}  // namespace action_images::ffmpeg
#endif
