// SPDX-License-Identifier: Apache-2.0
#ifdef ACTION_IMAGES_WITH_FFMPEG
#include "decoder.hpp"

#include <cstring>
#include <vector>

#include <action_images/video/frames.hpp>

namespace action_images::ffmpeg {
namespace {

/// Looks into the streams; a huge picture is refused before memory for it is taken.
int find_stream_info(AVFormatContext* format, const std::string& max_pixels) {
  std::vector<AVDictionary*> options(format->nb_streams, nullptr);
  for (AVDictionary*& entries : options) {
    av_dict_set(&entries, "max_pixels", max_pixels.c_str(), 0);
    av_dict_set(&entries, "threads", "1", 0);
  }
  const int status = avformat_find_stream_info(format, options.data());
  for (AVDictionary*& entries : options) av_dict_free(&entries);
  return status;
}

const std::string max_pixels = std::to_string(std::int64_t(max_picture_side) * max_picture_side);

}  // namespace

Decoder::Decoder(const std::filesystem::path& path, const std::string& where)
    : file_(path, where), packet_(own(av_packet_alloc())), frame_(own(av_frame_alloc())) {
  try {
    open_stream();
    open_codec();
  } catch (...) {
    avformat_close_input(&format_);
    throw;
  }
}

Decoder::~Decoder() { avformat_close_input(&format_); }

void Decoder::fail(std::string_view expected, std::string_view got) const {
  ffmpeg::fail(file_.where(), file_.path(), expected, got);
}

void Decoder::open_stream() {
  format_ = avformat_alloc_context();
  if (format_ == nullptr) throw std::bad_alloc();
  format_->pb = file_.io();
  Dictionary options;
  options.set("protocol_whitelist", "none");  // a playlist must not open other files or addresses
  if (const int status = avformat_open_input(&format_, "", nullptr, options.address()); status < 0) {
    fail("a picture or a video", error_text(status));
  }
  if (const int status = find_stream_info(format_, max_pixels); status < 0) {
    fail("a picture or a video", error_text(status));
  }
  const int index = av_find_best_stream(format_, AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  if (index < 0) fail("a picture or a video", "no stream of pictures that can be decoded");
  stream_ = format_->streams[index];
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    if (format_->streams[i] != stream_) format_->streams[i]->discard = AVDISCARD_ALL;
  }
}

void Decoder::open_codec() {
  const AVCodec* decoder = avcodec_find_decoder(stream_->codecpar->codec_id);
  if (decoder == nullptr) fail("a picture or a video", "a codec without a decoder");
  codec_ = own(avcodec_alloc_context3(decoder));
  if (const int status = avcodec_parameters_to_context(codec_.get(), stream_->codecpar); status < 0) {
    fail("a picture or a video", error_text(status));
  }
  codec_->thread_count = 1;
  codec_->pkt_timebase = stream_->time_base;
  codec_->err_recognition = AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER | AV_EF_EXPLODE;
  Dictionary options;
  options.set("max_pixels", max_pixels);
  if (const int status = avcodec_open2(codec_.get(), decoder, options.address()); status < 0) {
    fail("a picture or a video", error_text(status));
  }
}

double Decoder::fps() const {
  const AVRational rate = av_guess_frame_rate(format_, stream_, nullptr);
  return rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0.0;
}

const AVFrame* Decoder::next() {
  while (true) {
    const int status = avcodec_receive_frame(codec_.get(), frame_.get());
    if (status == 0) {
      check_frame();
      return frame_.get();
    }
    if (status == AVERROR_EOF) return nullptr;
    if (status != AVERROR(EAGAIN)) fail("undamaged pictures", error_text(status));
    send_packet();
  }
}

void Decoder::send_packet() {
  int status = 0;
  do {
    av_packet_unref(packet_.get());
    status = av_read_frame(format_, packet_.get());
  } while (status == 0 && packet_->stream_index != stream_->index);
  if (status == AVERROR_EOF) {
    check_complete();
    avcodec_send_packet(codec_.get(), nullptr);
    return;
  }
  if (status < 0) fail("a complete file", error_text(status));
  if ((packet_->flags & AV_PKT_FLAG_CORRUPT) != 0) fail("a complete file", "a damaged packet");
  ++packets_;
  status = avcodec_send_packet(codec_.get(), packet_.get());
  if (status < 0 && status != AVERROR(EAGAIN)) fail("undamaged pictures", error_text(status));
}

void Decoder::check_frame() {
  if (frame_->decode_error_flags != 0 || (frame_->flags & AV_FRAME_FLAG_CORRUPT) != 0) {
    fail("undamaged pictures", "decoding errors");
  }
  if (frame_->width > max_picture_side || frame_->height > max_picture_side) {
    fail(text_of("at most ", max_picture_side, " px on each side"), text_of(frame_->width, " x ", frame_->height));
  }
  if (width_ == 0) {
    width_ = frame_->width;
    height_ = frame_->height;
  }
  if (frame_->width != width_ || frame_->height != height_) {
    fail(text_of("one size, ", width_, " x ", height_), text_of(frame_->width, " x ", frame_->height));
  }
}

/// mp4 and mov list their packets in front: a file that was cut ends before the list does.
void Decoder::check_complete() const {
  if (std::strstr(format_->iformat->name, "mov") == nullptr) return;
  const int listed = avformat_index_get_entries_count(stream_);
  if (packets_ < listed) fail(text_of(listed, " frames"), text_of("a file cut after ", packets_));
}

}  // namespace action_images::ffmpeg
#endif
