// SPDX-License-Identifier: Apache-2.0
#ifdef ACTION_IMAGES_WITH_FFMPEG
#include <action_images/video/video.hpp>

#include <algorithm>
#include <cmath>

#include "colour.hpp"
#include "output_file.hpp"

namespace action_images {
namespace {

constexpr auto where = "video::write_video";

struct CloseFormat {
  void operator()(AVFormatContext* format) const {
    if (format->pb != nullptr) avio_closep(&format->pb);
    avformat_free_context(format);
  }
};

bool takes(const AVCodec& encoder, AVPixelFormat format) {
  const AVPixelFormat* known = encoder.pix_fmts;
  while (known != nullptr && *known != AV_PIX_FMT_NONE && *known != format) ++known;
  return known == nullptr || *known == format;
}

const AVCodec& find_encoder(const std::string& name) {
  const AVCodec* encoder = avcodec_find_encoder_by_name(name.c_str());
  check(encoder != nullptr && encoder->type == AVMEDIA_TYPE_VIDEO, where, "codec",
        "a video encoder that this FFmpeg was built with", name);
  return *encoder;
}

/// Odd sizes cannot halve the resolution of colour: they keep it.
AVPixelFormat find_pixel_format(const AVCodec& encoder, const std::string& name, int height, int width) {
  const AVPixelFormat format = av_get_pix_fmt(name.c_str());
  check(format != AV_PIX_FMT_NONE && takes(encoder, format), where, "pixel_format",
        text_of("a format that ", encoder.name, " takes"), name);
  const bool odd = height % 2 != 0 || width % 2 != 0;
  return format == AV_PIX_FMT_YUV420P && odd && takes(encoder, AV_PIX_FMT_YUV444P) ? AV_PIX_FMT_YUV444P : format;
}

void check_options(int height, int width, const VideoOptions& options) {
  check_shape(std::min(height, width) >= 1 && std::max(height, width) <= max_picture_side, where, "frames",
              "sides of 1 to 16384 px", {height, width});
  check(std::isfinite(options.fps) && options.fps > 0 && options.fps <= 1000, where, "fps", "above 0 up to 1000",
        options.fps);
  check(options.crf >= 0 && options.crf <= 51, where, "crf", "0 to 51", options.crf);
  check(options.keyframes >= 0 && options.keyframes <= 1 << 20, where, "keyframes", "0 to 1048576", options.keyframes);
}

}  // namespace

struct VideoWriter::Implementation {
  Implementation(const std::filesystem::path& path, int height, int width, const VideoOptions& options);
  void open_codec(const AVCodec& encoder, const VideoOptions& options);
  void open_stream();
  void add(const std::uint8_t* rgb);
  void finish();
  void send(AVFrame* frame);
  void require(int status, std::string_view action) const;

  ffmpeg::Quiet quiet;
  OutputFile file;
  std::unique_ptr<AVFormatContext, CloseFormat> format;
  ffmpeg::Owned<AVCodecContext> codec;
  ffmpeg::Owned<AVPacket> packet;
  std::unique_ptr<ffmpeg::RgbWriter> writer;
  AVStream* stream = nullptr;
  std::int64_t frames = 0;
  bool finished = false;
};

VideoWriter::Implementation::Implementation(const std::filesystem::path& path, int height, int width,
                                            const VideoOptions& options)
    : file(path, where), packet(ffmpeg::own(av_packet_alloc())) {
  AVFormatContext* opened = nullptr;
  const std::string name = "file:" + file.temporary().string();
  avformat_alloc_output_context2(&opened, nullptr, nullptr, name.c_str());
  check(opened != nullptr, where, "path", "the ending of a video container such as .mp4", path.string());
  format.reset(opened);
  const AVCodec& encoder = find_encoder(options.codec);
  const AVPixelFormat pixels = find_pixel_format(encoder, options.pixel_format, height, width);
  codec = ffmpeg::own(avcodec_alloc_context3(&encoder));
  codec->height = height;
  codec->width = width;
  codec->pix_fmt = pixels;
  open_codec(encoder, options);
  open_stream();
  writer = std::make_unique<ffmpeg::RgbWriter>(pixels, height, width);
}

void VideoWriter::Implementation::require(int status, std::string_view action) const {
  if (status < 0) ffmpeg::fail(where, file.path(), action, ffmpeg::error_text(status));
}

void VideoWriter::Implementation::open_codec(const AVCodec& encoder, const VideoOptions& options) {
  const bool rgb = (av_pix_fmt_desc_get(codec->pix_fmt)->flags & AV_PIX_FMT_FLAG_RGB) != 0;
  codec->framerate = av_d2q(options.fps, 100000);
  codec->time_base = av_inv_q(codec->framerate);
  codec->colorspace = rgb ? AVCOL_SPC_RGB : AVCOL_SPC_BT709;
  codec->color_primaries = AVCOL_PRI_BT709;
  codec->color_trc = AVCOL_TRC_BT709;
  codec->color_range = rgb ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
  codec->chroma_sample_location = AVCHROMA_LOC_LEFT;
  if (options.keyframes > 0) codec->gop_size = options.keyframes;
  codec->thread_count = 1;  // one thread and bit-exact paths: the same frames give the same bytes
  codec->flags |= AV_CODEC_FLAG_BITEXACT;
  if ((format->oformat->flags & AVFMT_GLOBALHEADER) != 0) codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  ffmpeg::Dictionary settings;
  settings.set("crf", text_of(options.crf));  // encoders without it leave it unused
  const int status = avcodec_open2(codec.get(), &encoder, settings.address());
  check(status >= 0, where, "codec", text_of("settings that ", encoder.name, " takes"), ffmpeg::error_text(status));
}

void VideoWriter::Implementation::open_stream() {
  stream = avformat_new_stream(format.get(), nullptr);
  if (stream == nullptr) throw std::bad_alloc();
  stream->time_base = codec->time_base;
  stream->avg_frame_rate = codec->framerate;
  require(avcodec_parameters_from_context(stream->codecpar, codec.get()), "a codec for this container");
  format->flags |= AVFMT_FLAG_BITEXACT;
  require(avio_open(&format->pb, format->url, AVIO_FLAG_WRITE), "a file that can be written");
  ffmpeg::Dictionary settings;
  settings.set("movflags", "+faststart");
  require(avformat_write_header(format.get(), settings.address()), "a codec for this container");
}

void VideoWriter::Implementation::send(AVFrame* frame) {
  require(avcodec_send_frame(codec.get(), frame), "a frame that can be encoded");
  while (true) {
    const int status = avcodec_receive_packet(codec.get(), packet.get());
    if (status == AVERROR(EAGAIN) || status == AVERROR_EOF) return;
    require(status, "a frame that can be encoded");
    if (packet->duration == 0) packet->duration = 1;
    av_packet_rescale_ts(packet.get(), codec->time_base, stream->time_base);
    packet->stream_index = stream->index;
    require(av_interleaved_write_frame(format.get(), packet.get()), "a file that can be written");
  }
}

void VideoWriter::Implementation::add(const std::uint8_t* rgb) {
  check(!finished, where, "frames", "none after finish()", "one more");
  AVFrame* frame = writer->convert(rgb);
  frame->pts = frames++;
  frame->pict_type = AV_PICTURE_TYPE_NONE;
  send(frame);
}

void VideoWriter::Implementation::finish() {
  check(!finished && frames > 0, where, "frames", "at least one, and finish() once",
        finished ? "a second finish()" : "none");
  finished = true;
  send(nullptr);
  require(av_write_trailer(format.get()), "a file that can be written");
  require(avio_closep(&format->pb), "a file that can be written");
  file.commit();
}

VideoWriter::VideoWriter(const std::filesystem::path& path, int height, int width, const VideoOptions& options) {
  check_options(height, width, options);
  implementation_ = std::make_unique<Implementation>(path, height, width, options);
}
VideoWriter::~VideoWriter() = default;
VideoWriter::VideoWriter(VideoWriter&&) noexcept = default;
VideoWriter& VideoWriter::operator=(VideoWriter&&) noexcept = default;
void VideoWriter::add(const std::uint8_t* rgb) { implementation_->add(rgb); }
void VideoWriter::finish() { implementation_->finish(); }

void write_video(const std::filesystem::path& path, const FramesView& video, const VideoOptions& options) {
  check_shape(video.frames >= 1, where, "frames", "(T >= 1, H, W, 3)", {video.frames, video.height, video.width, 3});
  VideoWriter writer(path, video.height, video.width, options);
  for (int i = 0; i < video.frames; ++i) writer.add(video.frame(i));
  writer.finish();
}

}  // namespace action_images
#endif
