// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "packet_source.hpp"

namespace action_images::ffmpeg {

/// Decodes chosen frames of an indexed video, and no more packets than they need.
class FrameDecoder {
 public:
  /// Takes the decoded frame of a number; may be called in any order, once for every frame.
  using Sink = std::function<void(std::int64_t frame, const AVFrame& decoded)>;
  /// Called now and then; throws to stop.
  using Pause = std::function<void()>;

  /// @param threads  of the decoder; 0: one for every core.
  FrameDecoder(std::shared_ptr<const VideoIndex> index, int threads, Place place);

  /// @param frames  rising numbers, each within the index.
  /// @throws FormatError naming the file and a frame if it is damaged, or not the one that was indexed.
  void decode(const std::vector<std::int64_t>& frames, const Sink& sink, const Pause& pause);

  /// Packets that were decoded so far.
  std::int64_t packets() const { return packets_; }

 private:
  void decode_quickly();
  /// Decodes what is still missing. Thorough: every packet from the first on, none skipped.
  void decode_missing(bool thorough);
  std::vector<const IndexedFrame*> missing_by_packet() const;
  void open();
  void restart_at(std::int32_t packet);
  void send_next(bool thorough);
  void drain();
  void receive();
  void take(const AVFrame& decoded);
  bool is_wanted(std::int64_t frame) const;
  bool is_complete() const { return delivered_ == static_cast<std::int64_t>(frames_.size()); }
  [[noreturn]] void fail(std::string_view got) const;

  Quiet quiet_;
  std::shared_ptr<const VideoIndex> index_;
  int threads_;
  Place place_;
  PacketSource source_;
  Owned<AVCodecContext> codec_;
  Owned<AVFrame> frame_;

  std::vector<std::int64_t> frames_;
  std::vector<bool> done_;
  std::int64_t delivered_ = 0;
  const Sink* sink_ = nullptr;
  const Pause* pause_ = nullptr;
  std::int32_t next_packet_ = 0;
  std::int64_t first_pts_ =
      0;  ///< of the packet at which decoding started; what is shown before it leans on what is missing
  std::int64_t packets_ = 0;
  std::int64_t counted_ = 0;  ///< frames that came since the start of the file
  bool drained_ = false;
};

}  // namespace action_images::ffmpeg
