// SPDX-License-Identifier: Apache-2.0
#ifdef ACTION_IMAGES_WITH_FFMPEG
#include "video_index.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "decoder.hpp"
#include "h264_packet.hpp"

namespace action_images::ffmpeg {
namespace {

constexpr std::size_t max_packets = std::size_t(1) << 26;

/// Whether a packet of this codec is one picture and every picture is shown.
bool shows_every_packet(AVCodecID codec, const std::string& container) {
  switch (codec) {
    case AV_CODEC_ID_H264:
    case AV_CODEC_ID_HEVC:
    case AV_CODEC_ID_AV1:
    case AV_CODEC_ID_VP9:
    case AV_CODEC_ID_MJPEG:
    case AV_CODEC_ID_PNG:
    case AV_CODEC_ID_FFV1:
      return true;
    case AV_CODEC_ID_MPEG4:  // in AVI two pictures may share a packet
      return container.find("mov") != std::string::npos;
    default:
      return false;
  }
}

/// Whether the file has the packet's bytes, as they are, where the container says it begins.
bool lies_in_file(const AVPacket& packet, const InputFile& file, std::vector<std::uint8_t>& bytes) {
  std::size_t changes = 0;
  if (packet.pos < 0 || av_packet_get_side_data(&packet, AV_PKT_DATA_NEW_EXTRADATA, &changes) != nullptr) return false;
  bytes.resize(static_cast<std::size_t>(packet.size));
  return file.read_at(packet.pos, bytes.data(), bytes.size()) &&
         std::memcmp(bytes.data(), packet.data, bytes.size()) == 0;
}

bool is_disposable(const AVPacket& packet, const AVCodecParameters& parameters) {
  if (parameters.codec_id != AV_CODEC_ID_H264) return false;
  return is_disposable_h264({packet.data, static_cast<std::size_t>(packet.size)},
                            {parameters.extradata, static_cast<std::size_t>(parameters.extradata_size)});
}

void read_packets(Demuxer& demuxer, VideoIndex& index) {
  std::vector<std::uint8_t> bytes;
  index.by_position = true;
  while (const AVPacket* packet = demuxer.next()) {
    if (index.packets.size() == max_packets) {
      fail(demuxer.file().where(), demuxer.file().path(), text_of("at most ", max_packets, " packets"), "more");
    }
    index.by_position = index.by_position && lies_in_file(*packet, demuxer.file(), bytes);
    const bool shown = (packet->flags & AV_PKT_FLAG_DISCARD) == 0;
    index.packets.push_back({.position = packet->pos,
                             .pts = packet->pts,
                             .size = packet->size,
                             .frame = shown ? 0 : IndexedPacket::not_shown,
                             .key = (packet->flags & AV_PKT_FLAG_KEY) != 0 ? 1 : 0,
                             .disposable = is_disposable(*packet, *index.parameters) ? 1 : 0});
  }
}

/// Numbers of the shown packets in order of time; empty if times are missing or equal.
std::vector<std::int32_t> packets_by_time(const std::vector<IndexedPacket>& packets) {
  std::vector<std::int32_t> order;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    if (packets[i].pts == AV_NOPTS_VALUE) return {};
    if (packets[i].frame != IndexedPacket::not_shown) order.push_back(static_cast<std::int32_t>(i));
  }
  const auto earlier = [&](std::int32_t a, std::int32_t b) { return packets[a].pts < packets[b].pts; };
  std::sort(order.begin(), order.end(), earlier);
  const auto equal = [&](std::int32_t a, std::int32_t b) { return packets[a].pts == packets[b].pts; };
  return std::adjacent_find(order.begin(), order.end(), equal) == order.end() ? order : std::vector<std::int32_t>{};
}

/// The last key packet from which a packet can be decoded: pictures shown before a key picture that they follow in the
/// file lean on what comes before it (an open group of pictures).
std::int32_t start_of(const std::vector<IndexedPacket>& packets, const std::vector<std::int32_t>& keys,
                      std::int32_t packet) {
  auto key = std::upper_bound(keys.begin(), keys.end(), packet);
  while (key != keys.begin()) {
    --key;
    if (packets[*key].pts <= packets[packet].pts) return *key;
  }
  return 0;
}

/// Takes every shown packet as a frame. False if the packets do not allow it.
bool number_by_time(VideoIndex& index, const std::string& container) {
  std::vector<IndexedPacket>& packets = index.packets;
  if (packets.empty() || !shows_every_packet(index.parameters->codec_id, container) || packets[0].key == 0)
    return false;
  const std::vector<std::int32_t> order = packets_by_time(packets);
  // Frames before the first key picture may be missing pieces of a longer video.
  if (order.empty() || packets[order[0]].pts < packets[0].pts) return false;
  std::vector<std::int32_t> keys;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    if (packets[i].key != 0) keys.push_back(static_cast<std::int32_t>(i));
  }
  for (const std::int32_t packet : order) {
    packets[packet].frame = static_cast<std::int32_t>(index.frames.size());
    index.frames.push_back({packets[packet].pts, packet, start_of(packets, keys, packet)});
  }
  index.by_time = true;
  return true;
}

/// Counts the frames by decoding them all.
void number_by_decoding(VideoIndex& index, const std::filesystem::path& path, const std::string& where) {
  Decoder decoder(path, where);
  const auto last = static_cast<std::int32_t>(index.packets.size()) - 1;
  while (const AVFrame* frame = decoder.next()) {
    index.frames.push_back({frame->best_effort_timestamp, last, 0});
    index.parameters->width = frame->width;
    index.parameters->height = frame->height;
  }
  if (index.frames.empty()) fail(where, path, "at least one frame", "none");
}

/// Gives frames without times, or whose times do not rise, those of the frame rate; none if that is unknown too.
void complete_times(VideoIndex& index) {
  std::vector<IndexedFrame>& frames = index.frames;
  const auto not_rising = [](const IndexedFrame& a, const IndexedFrame& b) { return a.pts >= b.pts; };
  const bool known =
      frames[0].pts != AV_NOPTS_VALUE && std::adjacent_find(frames.begin(), frames.end(), not_rising) == frames.end();
  if (known) return;
  const AVRational duration = index.fps > 0 ? av_inv_q(av_d2q(index.fps, 1 << 20)) : AVRational{0, 1};
  for (std::size_t i = 0; i < frames.size(); ++i) {
    frames[i].pts = duration.num > 0 ? static_cast<std::int64_t>(i) : AV_NOPTS_VALUE;
  }
  if (duration.num > 0) index.time_base = duration;
}

}  // namespace

std::shared_ptr<const VideoIndex> make_index(const std::filesystem::path& path, const std::string& where) {
  auto index = std::make_shared<VideoIndex>();
  Demuxer demuxer(path, where);
  index->file = demuxer.file().state();
  index->time_base = demuxer.stream().time_base;
  index->fps = demuxer.fps();
  index->parameters = own(avcodec_parameters_alloc());
  if (avcodec_parameters_copy(index->parameters.get(), demuxer.stream().codecpar) < 0) throw std::bad_alloc();
  read_packets(demuxer, *index);
  if (!number_by_time(*index, demuxer.container())) number_by_decoding(*index, path, where);
  complete_times(*index);
  return index;
}

}  // namespace action_images::ffmpeg
#endif
