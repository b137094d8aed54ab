// SPDX-License-Identifier: Apache-2.0
#ifdef ACTION_IMAGES_WITH_FFMPEG
#include <action_images/video/image.hpp>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "colour.hpp"
#include "decoder.hpp"
#include "output_file.hpp"

namespace action_images {
namespace {

/// A JPEG that was cut still decodes, grey from the cut on: its end marker must follow its last scan.
void check_jpeg_end(const ffmpeg::InputFile& file) {
  constexpr std::uint8_t marker = 0xFF, start_of_scan = 0xDA, end_of_image = 0xD9;
  if (file.find_last(marker, end_of_image) < file.find_last(marker, start_of_scan)) {
    ffmpeg::fail(file.where(), file.path(), "a complete picture", "a JPEG without its end");
  }
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

ffmpeg::Owned<AVCodecContext> open_png_encoder(int height, int width) {
  const AVCodec* encoder = avcodec_find_encoder(AV_CODEC_ID_PNG);
  if (encoder == nullptr) throw ValueError("[video::write_image] this FFmpeg was built without its PNG encoder");
  ffmpeg::Owned<AVCodecContext> codec = ffmpeg::own(avcodec_alloc_context3(encoder));
  codec->width = width;
  codec->height = height;
  codec->pix_fmt = AV_PIX_FMT_RGB24;
  codec->time_base = {1, 1};
  codec->thread_count = 1;
  codec->flags |= AV_CODEC_FLAG_BITEXACT;
  if (const int status = avcodec_open2(codec.get(), encoder, nullptr); status < 0) {
    throw ValueError("[video::write_image] PNG encoder: " + ffmpeg::error_text(status));
  }
  return codec;
}

ffmpeg::Owned<AVPacket> encode_png(const FramesView& image) {
  const ffmpeg::Owned<AVCodecContext> codec = open_png_encoder(image.height, image.width);
  ffmpeg::Owned<AVFrame> frame = ffmpeg::allocate_frame(AV_PIX_FMT_RGB24, image.height, image.width);
  const int row = image.width * 3;
  av_image_copy_plane(frame->data[0], frame->linesize[0], image.rgb, row, row, image.height);
  ffmpeg::Owned<AVPacket> packet = ffmpeg::own(av_packet_alloc());
  int status = avcodec_send_frame(codec.get(), frame.get());
  if (status >= 0) status = avcodec_send_frame(codec.get(), nullptr);
  if (status >= 0) status = avcodec_receive_packet(codec.get(), packet.get());
  if (status < 0) throw NumericalError("[video::write_image] PNG encoder: " + ffmpeg::error_text(status));
  return packet;
}

}  // namespace

VideoFrames read_image(const std::filesystem::path& path) {
  ffmpeg::Decoder decoder(path, "video::read_image");
  if (decoder.codec() == AV_CODEC_ID_MJPEG) check_jpeg_end(decoder.file());
  const AVFrame* frame = decoder.next();
  if (frame == nullptr) ffmpeg::fail("video::read_image", path, "a picture", "none");
  VideoFrames image{.rgb = {}, .frames = 1, .height = frame->height, .width = frame->width};
  image.rgb.resize(image.frame_size());
  ffmpeg::RgbReader().convert(*frame, image.rgb.data());
  return image;
}

void write_image(const std::filesystem::path& path, const FramesView& image) {
  constexpr auto where = "video::write_image";
  check(lower_case(path.extension().string()) == ".png", where, "path", "a name that ends in .png", path.string());
  check_shape(image.frames == 1 && std::min(image.height, image.width) >= 1 &&
                  std::max(image.height, image.width) <= max_picture_side,
              where, "image", "one frame (1, 1..16384, 1..16384, 3)", {image.frames, image.height, image.width, 3});
  const ffmpeg::Quiet quiet;
  const ffmpeg::Owned<AVPacket> png = encode_png(image);
  OutputFile file(path, where);
  std::ofstream stream(file.temporary(), std::ios::binary);
  stream.write(reinterpret_cast<const char*>(png->data), png->size);
  stream.close();
  if (!stream) ffmpeg::fail(where, path, "a file that can be written", std::strerror(errno));
  file.commit();
}

}  // namespace action_images
#endif
