// SPDX-License-Identifier: Apache-2.0
#ifdef ACTION_IMAGES_WITH_FFMPEG
#include "frame_decoder.hpp"

#include <algorithm>

namespace action_images::ffmpeg {
namespace {

bool is_intra_only(AVCodecID codec) {
  const AVCodecDescriptor* descriptor = avcodec_descriptor_get(codec);
  return descriptor != nullptr && (descriptor->props & AV_CODEC_PROP_INTRA_ONLY) != 0;
}

}  // namespace

FrameDecoder::FrameDecoder(std::shared_ptr<const VideoIndex> index, int threads, Place place)
    : index_(std::move(index)),
      threads_(threads),
      place_(std::move(place)),
      source_(index_, place_),
      frame_(own(av_frame_alloc())) {}

void FrameDecoder::fail(std::string_view got) const {
  std::int64_t missing = frames_.back();
  for (std::size_t i = frames_.size(); i-- > 0;) {
    if (!done_[i]) missing = frames_[i];
  }
  ffmpeg::fail(place_.where, place_.path, text_of("frame ", missing, " and those it leans on undamaged"), got);
}

void FrameDecoder::decode(const std::vector<std::int64_t>& frames, const Sink& sink, const Pause& pause) {
  frames_ = frames;
  done_.assign(frames.size(), false);
  delivered_ = 0;
  sink_ = &sink;
  pause_ = &pause;
  if (index_->by_time) decode_quickly();
  if (!is_complete()) decode_missing(true);
  if (!is_complete()) fail("no picture");
}

/// A key packet may promise more than it keeps (no true entry point, a stream that refreshes bit by bit): what fails
/// here is left missing.
void FrameDecoder::decode_quickly() {
  try {
    decode_missing(false);
  } catch (const FormatError&) {
    drained_ = true;
  }
}

std::vector<const IndexedFrame*> FrameDecoder::missing_by_packet() const {
  std::vector<const IndexedFrame*> missing;
  for (std::size_t i = 0; i < frames_.size(); ++i) {
    if (!done_[i]) missing.push_back(&index_->frames[static_cast<std::size_t>(frames_[i])]);
  }
  const auto earlier = [](const IndexedFrame* a, const IndexedFrame* b) { return a->packet < b->packet; };
  std::stable_sort(missing.begin(), missing.end(), earlier);
  return missing;
}

void FrameDecoder::decode_missing(bool thorough) {
  open();
  bool first = true;
  for (const IndexedFrame* frame : missing_by_packet()) {
    const std::int32_t start = thorough ? 0 : frame->start;
    if (first || start > next_packet_) restart_at(start);
    first = false;
    while (next_packet_ <= frame->packet && !is_complete()) send_next(thorough);
  }
  drain();
}

void FrameDecoder::open() {
  codec_ = open_decoder(*index_->parameters, index_->time_base, threads_, place_);
  drained_ = true;
  counted_ = 0;
}

/// Goes on at a key packet, past others that nobody needs.
void FrameDecoder::restart_at(std::int32_t packet) {
  if (!drained_ && !is_intra_only(codec_->codec_id)) {
    drain();
    avcodec_flush_buffers(codec_.get());
  }
  next_packet_ = packet;
  first_pts_ = index_->packets[static_cast<std::size_t>(packet)].pts;
}

void FrameDecoder::send_next(bool thorough) {
  constexpr std::int32_t packets_between_pauses = 16;
  if (next_packet_ % packets_between_pauses == 0) (*pause_)();
  const IndexedPacket& indexed = index_->packets[static_cast<std::size_t>(next_packet_)];
  if (!thorough && !is_wanted(indexed.frame) && (indexed.disposable != 0 || indexed.pts < first_pts_)) {
    ++next_packet_;
    return;
  }
  ++packets_;
  const int status = avcodec_send_packet(codec_.get(), source_.packet(next_packet_++));
  drained_ = false;
  if (status < 0) fail(error_text(status));
  receive();
}

void FrameDecoder::drain() {
  if (drained_) return;
  avcodec_send_packet(codec_.get(), nullptr);
  receive();
  drained_ = true;
}

void FrameDecoder::receive() {
  while (true) {
    const int status = avcodec_receive_frame(codec_.get(), frame_.get());
    if (status == AVERROR(EAGAIN) || status == AVERROR_EOF) return;
    if (status < 0) fail(error_text(status));
    take(*frame_);
  }
}

void FrameDecoder::take(const AVFrame& decoded) {
  check_frame(decoded, index_->parameters->height, index_->parameters->width, place_);
  const std::int64_t number = index_->by_time ? decoded.pts : counted_++;
  const auto found = std::lower_bound(frames_.begin(), frames_.end(), number);
  if (found == frames_.end() || *found != number) return;
  const auto slot = static_cast<std::size_t>(found - frames_.begin());
  if (done_[slot]) return;
  (*sink_)(number, decoded);
  done_[slot] = true;
  ++delivered_;
}

bool FrameDecoder::is_wanted(std::int64_t frame) const {
  return std::binary_search(frames_.begin(), frames_.end(), frame);
}

}  // namespace action_images::ffmpeg
#endif
