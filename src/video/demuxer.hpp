// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "ffmpeg.hpp"
#include "input_file.hpp"

namespace action_images::ffmpeg {

/// Packets of the first video stream of a file. Damage and a missing end are errors.
class Demuxer {
 public:
  /// @param where  the public function that reads, for messages, e.g. "video::read_image".
  /// @throws FormatError naming the file if it holds no picture or video.
  Demuxer(const std::filesystem::path& path, const std::string& where);
  ~Demuxer();
  Demuxer(const Demuxer&) = delete;
  Demuxer& operator=(const Demuxer&) = delete;

  /// The next packet in decoding order, valid until the next call; null after the last one.
  /// @throws FormatError if the file is damaged or cut short.
  AVPacket* next();

  /// Packets handed out so far.
  std::int64_t packets() const { return packets_; }
  /// Frames per second, 0 if the file does not say.
  double fps() const;
  const AVStream& stream() const { return *stream_; }
  /// FFmpeg's names of the container, e.g. "mov,mp4,m4a,3gp,3g2,mj2".
  std::string container() const { return format_->iformat->name; }
  const InputFile& file() const { return file_; }

 private:
  void open_stream();
  void check_complete() const;
  [[noreturn]] void fail(std::string_view expected, std::string_view got) const;

  Quiet quiet_;
  InputFile file_;
  AVFormatContext* format_ = nullptr;
  AVStream* stream_ = nullptr;
  Owned<AVPacket> packet_;
  std::int64_t packets_ = 0;
};

}  // namespace action_images::ffmpeg
