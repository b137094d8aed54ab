// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "ffmpeg.hpp"
#include "input_file.hpp"

namespace action_images::ffmpeg {

/// Decodes the first video stream of a file. Damage is an error, never a grey patch.
class Decoder {
 public:
  /// @param where  the public function that reads, for messages, e.g. "video::read_image".
  /// @throws FormatError naming the file if it holds no picture or video that can be decoded.
  Decoder(const std::filesystem::path& path, const std::string& where);
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  /// The next frame in presentation order, valid until the next call; null after the last one.
  /// @throws FormatError if the file is damaged, cut short or of changing size.
  const AVFrame* next();

  /// Frames per second, 0 if the file does not say.
  double fps() const;
  AVCodecID codec() const { return codec_->codec_id; }
  const InputFile& file() const { return file_; }

 private:
  void open_stream();
  void open_codec();
  void send_packet();
  void check_frame();
  void check_complete() const;
  [[noreturn]] void fail(std::string_view expected, std::string_view got) const;

  Quiet quiet_;
  InputFile file_;
  AVFormatContext* format_ = nullptr;
  AVStream* stream_ = nullptr;
  Owned<AVCodecContext> codec_;
  Owned<AVPacket> packet_;
  Owned<AVFrame> frame_;
  std::int64_t packets_ = 0;
  int height_ = 0;
  int width_ = 0;
};

}  // namespace action_images::ffmpeg
