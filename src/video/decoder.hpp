// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "codec.hpp"
#include "demuxer.hpp"

namespace action_images::ffmpeg {

/// Decodes the first video stream of a file, from the first frame on. Damage is an error, never a grey patch.
class Decoder {
 public:
  /// @param where  the public function that reads, for messages, e.g. "video::read_image".
  /// @throws FormatError naming the file if it holds no picture or video that can be decoded.
  Decoder(const std::filesystem::path& path, const std::string& where);

  /// The next frame in presentation order, valid until the next call; null after the last one.
  /// @throws FormatError if the file is damaged, cut short or of changing size.
  const AVFrame* next();

  /// Frames per second, 0 if the file does not say.
  double fps() const { return demuxer_.fps(); }
  AVCodecID codec() const { return codec_->codec_id; }
  const InputFile& file() const { return demuxer_.file(); }

 private:
  void send_packet();
  void check_size();

  Place place_;
  Demuxer demuxer_;
  Owned<AVCodecContext> codec_;
  Owned<AVFrame> frame_;
  int height_ = 0;
  int width_ = 0;
};

}  // namespace action_images::ffmpeg
