// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>

#include "codec.hpp"
#include "demuxer.hpp"
#include "video_index.hpp"

namespace action_images::ffmpeg {

/// Packets of an indexed video by their numbers: read where they lie, or, where the container does not keep them in one
/// piece, by passing over those before.
class PacketSource {
 public:
  /// @throws FormatError naming the file if it is not the one that was indexed.
  PacketSource(std::shared_ptr<const VideoIndex> index, Place place);

  /// The packet, its time replaced by the number of the frame in it; valid until the next call.
  /// @throws FormatError naming the file if it cannot be read.
  AVPacket* packet(std::int32_t number);

 private:
  void read_from_file(const IndexedPacket& packet);
  void read_from_demuxer(std::int32_t number);

  std::shared_ptr<const VideoIndex> index_;
  Place place_;
  InputFile file_;
  std::unique_ptr<Demuxer> demuxer_;
  Owned<AVPacket> packet_;
};

}  // namespace action_images::ffmpeg
