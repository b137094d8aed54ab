// SPDX-License-Identifier: Apache-2.0
#ifdef ACTION_IMAGES_WITH_FFMPEG
#include "packet_source.hpp"

namespace action_images::ffmpeg {

PacketSource::PacketSource(std::shared_ptr<const VideoIndex> index, Place place)
    : index_(std::move(index)),
      place_(std::move(place)),
      file_(place_.path, place_.where),
      packet_(own(av_packet_alloc())) {
  if (file_.state() != index_->file) fail(place_.where, place_.path, "the file that was opened", "a changed one");
}

AVPacket* PacketSource::packet(std::int32_t number) {
  const IndexedPacket& indexed = index_->packets[static_cast<std::size_t>(number)];
  av_packet_unref(packet_.get());
  index_->by_position ? read_from_file(indexed) : read_from_demuxer(number);
  packet_->pts = index_->by_time && indexed.frame != IndexedPacket::not_shown ? indexed.frame : AV_NOPTS_VALUE;
  packet_->dts = AV_NOPTS_VALUE;
  return packet_.get();
}

void PacketSource::read_from_file(const IndexedPacket& packet) {
  if (av_new_packet(packet_.get(), packet.size) < 0) throw std::bad_alloc();
  if (!file_.read_at(packet.position, packet_->data, static_cast<std::size_t>(packet.size))) {
    fail(place_.where, place_.path, "a complete file", text_of("no packet at ", packet.position));
  }
  packet_->flags =
      (packet.key != 0 ? AV_PKT_FLAG_KEY : 0) | (packet.frame == IndexedPacket::not_shown ? AV_PKT_FLAG_DISCARD : 0);
}

void PacketSource::read_from_demuxer(std::int32_t number) {
  if (demuxer_ == nullptr || demuxer_->packets() > number) {
    demuxer_ = std::make_unique<Demuxer>(place_.path, place_.where);
  }
  AVPacket* found = nullptr;
  while (demuxer_->packets() <= number) {
    found = demuxer_->next();
    if (found == nullptr) fail(place_.where, place_.path, "the file that was opened", "fewer packets");
  }
  av_packet_move_ref(packet_.get(), found);
}

}  // namespace action_images::ffmpeg
#endif
