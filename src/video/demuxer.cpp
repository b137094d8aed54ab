// SPDX-License-Identifier: Apache-2.0
#ifdef ACTION_IMAGES_WITH_FFMPEG
#include "demuxer.hpp"

#include <vector>

#include "codec.hpp"

namespace action_images::ffmpeg {
namespace {

/// Looks into the streams; a huge picture is refused before memory for it is taken.
int find_stream_info(AVFormatContext* format) {
  std::vector<AVDictionary*> options(format->nb_streams, nullptr);
  for (AVDictionary*& entries : options) {
    av_dict_set(&entries, "max_pixels", max_pixels_text().c_str(), 0);
    av_dict_set(&entries, "threads", "1", 0);
  }
  const int status = avformat_find_stream_info(format, options.data());
  for (AVDictionary*& entries : options) av_dict_free(&entries);
  return status;
}

}  // namespace

Demuxer::Demuxer(const std::filesystem::path& path, const std::string& where)
    : file_(path, where), packet_(own(av_packet_alloc())) {
  try {
    open_stream();
  } catch (...) {
    avformat_close_input(&format_);
    throw;
  }
}

Demuxer::~Demuxer() { avformat_close_input(&format_); }

void Demuxer::fail(std::string_view expected, std::string_view got) const {
  ffmpeg::fail(file_.where(), file_.path(), expected, got);
}

void Demuxer::open_stream() {
  format_ = avformat_alloc_context();
  if (format_ == nullptr) throw std::bad_alloc();
  format_->pb = file_.io();
  Dictionary options;
  options.set("protocol_whitelist", "none");  // a playlist must not open other files or addresses
  if (const int status = avformat_open_input(&format_, "", nullptr, options.address()); status < 0) {
    fail("a picture or a video", error_text(status));
  }
  if (const int status = find_stream_info(format_); status < 0) fail("a picture or a video", error_text(status));
  const int index = av_find_best_stream(format_, AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  if (index < 0) fail("a picture or a video", "no stream of pictures that can be decoded");
  stream_ = format_->streams[index];
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    if (format_->streams[i] != stream_) format_->streams[i]->discard = AVDISCARD_ALL;
  }
}

double Demuxer::fps() const {
  const AVRational rate = av_guess_frame_rate(format_, stream_, nullptr);
  return rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0.0;
}

AVPacket* Demuxer::next() {
  int status = 0;
  do {
    av_packet_unref(packet_.get());
    status = av_read_frame(format_, packet_.get());
  } while (status == 0 && packet_->stream_index != stream_->index);
  if (status == AVERROR_EOF) {
    check_complete();
    return nullptr;
  }
  if (status < 0) fail("a complete file", error_text(status));
  if ((packet_->flags & AV_PKT_FLAG_CORRUPT) != 0) fail("a complete file", "a damaged packet");
  ++packets_;
  return packet_.get();
}

/// mp4 and mov list their packets in front: a file that was cut ends before the list does.
void Demuxer::check_complete() const {
  if (container().find("mov") == std::string::npos) return;
  const int listed = avformat_index_get_entries_count(stream_);
  if (packets_ < listed) fail(text_of(listed, " frames"), text_of("a file cut after ", packets_));
}

}  // namespace action_images::ffmpeg
#endif
