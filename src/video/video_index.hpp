// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "ffmpeg.hpp"
#include "input_file.hpp"

namespace action_images::ffmpeg {

/// One packet of a video stream, in decoding order.
struct IndexedPacket {
  static constexpr std::int32_t not_shown = -1;  ///< decoded, but outside the file's edit list

  std::int64_t position = 0;  ///< of its first byte in the file; only if packets are found by position
  std::int64_t pts = 0;       ///< presentation time [time base]
  std::int32_t size = 0;      ///< [bytes]
  std::int32_t frame = not_shown;
  std::int32_t key = 0;         ///< 1: decoding may start here
  std::int32_t disposable = 0;  ///< 1: no other picture leans on it
};

/// One frame, in presentation order.
struct IndexedFrame {
  std::int64_t pts = AV_NOPTS_VALUE;  ///< [time base]
  std::int32_t packet = 0;            ///< that holds it
  std::int32_t start = 0;             ///< key packet from which decoding gives it
};

/// Where the frames of one state of a file are. Frame i is what reading from the start gives as number i.
struct VideoIndex {
  FileState file;
  Owned<AVCodecParameters> parameters;
  AVRational time_base{};
  double fps = 0.0;  ///< 0 if the file does not say
  std::vector<IndexedPacket> packets;
  std::vector<IndexedFrame> frames;
  /// Packets are bytes of the file as they lie (mp4 and mov): they are read without going through the container.
  bool by_position = false;
  /// Every shown packet is one frame, known by its time. Otherwise (missing or equal times, codecs that hide frames)
  /// frames were counted by decoding everything once, and each is reached by decoding from the start.
  bool by_time = false;

  double seconds(const IndexedFrame& frame) const { return double(frame.pts) * av_q2d(time_base); }
};

/// Makes the index of a file: by one pass over its packets; where they do not tell, by decoding it once.
/// @param where  the public function, for messages.
/// @throws FormatError naming the file if it is missing, not a video, damaged, cut short or without a frame.
std::shared_ptr<const VideoIndex> make_index(const std::filesystem::path& path, const std::string& where);

}  // namespace action_images::ffmpeg
