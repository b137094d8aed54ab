// SPDX-License-Identifier: Apache-2.0
#ifdef ACTION_IMAGES_WITH_FFMPEG
#include "decoder.hpp"

namespace action_images::ffmpeg {

Decoder::Decoder(const std::filesystem::path& path, const std::string& where)
    : place_{where, path},
      demuxer_(path, where),
      codec_(open_decoder(*demuxer_.stream().codecpar, demuxer_.stream().time_base, 1, place_)),
      frame_(own(av_frame_alloc())) {}

const AVFrame* Decoder::next() {
  while (true) {
    const int status = avcodec_receive_frame(codec_.get(), frame_.get());
    if (status == 0) {
      check_size();
      return frame_.get();
    }
    if (status == AVERROR_EOF) return nullptr;
    if (status != AVERROR(EAGAIN)) fail(place_.where, place_.path, "undamaged pictures", error_text(status));
    send_packet();
  }
}

void Decoder::send_packet() {
  const int status = avcodec_send_packet(codec_.get(), demuxer_.next());  // null: the end
  if (status < 0 && status != AVERROR(EAGAIN))
    fail(place_.where, place_.path, "undamaged pictures", error_text(status));
}

/// The first frame gives the size of all.
void Decoder::check_size() {
  if (width_ == 0) {
    width_ = frame_->width;
    height_ = frame_->height;
  }
  check_frame(*frame_, height_, width_, place_);
}

}  // namespace action_images::ffmpeg
#endif
