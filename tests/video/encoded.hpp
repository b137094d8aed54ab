// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "../../src/video/colour.hpp"
#include "pictures.hpp"

namespace action_images::test {

/// How a test's video is encoded and muxed, beyond what VideoWriter offers.
struct Encoding {
  std::string codec = "libx264";
  std::string parameters{};  ///< as "keyint=12:bframes=3" for x264
  AVPixelFormat pixels = AV_PIX_FMT_YUV420P;
  std::vector<std::int64_t> times{};  ///< when each frame is shown [ms]; empty: 40 ms each, from 0
};

/// Writes a video whose container follows from the file's ending.
class EncodedFile {
 public:
  EncodedFile(const std::filesystem::path& path, const VideoFrames& video, const Encoding& encoding) {
    avformat_alloc_output_context2(&format_, nullptr, nullptr, path.c_str());
    open_codec(video, encoding);
    AVStream* stream = avformat_new_stream(format_, nullptr);
    stream->time_base = codec_->time_base;
    stream->avg_frame_rate = {25, 1};
    require(avcodec_parameters_from_context(stream->codecpar, codec_.get()));
    require(avio_open(&format_->pb, path.c_str(), AVIO_FLAG_WRITE));
    require(avformat_write_header(format_, nullptr));
    for (int i = 0; i < video.frames; ++i) {
      AVFrame* frame = writer_->convert(video.frame(i));
      frame->pts = encoding.times.empty() ? i : encoding.times.at(std::size_t(i));
      send(frame);
    }
    send(nullptr);
    require(av_write_trailer(format_));
    avio_closep(&format_->pb);
    avformat_free_context(format_);
  }

 private:
  static void require(int status) {
    if (status < 0) throw std::runtime_error(ffmpeg::error_text(status));
  }

  void open_codec(const VideoFrames& video, const Encoding& encoding) {
    const AVCodec* encoder = avcodec_find_encoder_by_name(encoding.codec.c_str());
    if (encoder == nullptr) throw std::runtime_error("no encoder " + encoding.codec);
    codec_ = ffmpeg::own(avcodec_alloc_context3(encoder));
    codec_->height = video.height;
    codec_->width = video.width;
    codec_->pix_fmt = encoding.pixels;
    codec_->time_base = encoding.times.empty() ? AVRational{1, 25} : AVRational{1, 1000};
    codec_->framerate = {25, 1};
    codec_->thread_count = 1;
    if ((format_->oformat->flags & AVFMT_GLOBALHEADER) != 0) codec_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    ffmpeg::Dictionary options;
    options.set(encoding.codec == "libx265" ? "x265-params" : "x264-params", encoding.parameters);
    if (encoding.codec == "libx265") options.set("x265-params", "log-level=none:" + encoding.parameters);
    options.set("b", "2000000");
    if (const int status = avcodec_open2(codec_.get(), encoder, options.address()); status < 0) {
      throw std::runtime_error(encoding.codec + ": " + ffmpeg::error_text(status));
    }
    writer_ = std::make_unique<ffmpeg::RgbWriter>(encoding.pixels, video.height, video.width);
  }

  void send(AVFrame* frame) {
    require(avcodec_send_frame(codec_.get(), frame));
    const ffmpeg::Owned<AVPacket> packet = ffmpeg::own(av_packet_alloc());
    while (avcodec_receive_packet(codec_.get(), packet.get()) == 0) {
      packet->duration = av_rescale_q(1, {1, 25}, codec_->time_base);
      av_packet_rescale_ts(packet.get(), codec_->time_base, format_->streams[0]->time_base);
      require(av_interleaved_write_frame(format_, packet.get()));
    }
  }

  ffmpeg::Quiet quiet_;
  AVFormatContext* format_ = nullptr;
  ffmpeg::Owned<AVCodecContext> codec_;
  std::unique_ptr<ffmpeg::RgbWriter> writer_;
};

inline void encode_to(const std::filesystem::path& path, const VideoFrames& video, const Encoding& encoding = {}) {
  const EncodedFile file(path, video, encoding);
}

}  // namespace action_images::test
