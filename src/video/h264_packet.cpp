// SPDX-License-Identifier: Apache-2.0
#include "h264_packet.hpp"

#include <algorithm>
#include <array>

namespace action_images::ffmpeg {
namespace {

using Bytes = std::span<const std::uint8_t>;

/// What the units seen so far are.
struct Units {
  bool disposable = true;
  bool pictures = false;

  void add(std::uint8_t header) {
    const int type = header & 0x1F, reference = header >> 5 & 3;
    constexpr int slice = 1, sei = 6, delimiter = 9, filler = 12;
    pictures = pictures || type == slice;
    disposable =
        disposable && ((type == slice && reference == 0) || type == sei || type == delimiter || type == filler);
  }
};

/// Units after their lengths, of `length_size` bytes.
Units units_by_length(Bytes packet, std::size_t length_size) {
  Units units;
  while (!packet.empty() && units.disposable) {
    std::size_t length = 0;
    if (packet.size() > length_size) {
      for (const std::uint8_t byte : packet.first(length_size)) length = length << 8 | byte;
    }
    if (length == 0 || length > packet.size() - length_size) return {.disposable = false};
    units.add(packet[length_size]);
    packet = packet.subspan(length_size + length);
  }
  return units;
}

Units units_by_start_code(Bytes packet) {
  constexpr std::array<std::uint8_t, 3> start_code{0, 0, 1};
  Units units;
  auto at = std::search(packet.begin(), packet.end(), start_code.begin(), start_code.end());
  while (packet.end() - at > 3 && units.disposable) {
    units.add(at[3]);
    at = std::search(at + 3, packet.end(), start_code.begin(), start_code.end());
  }
  return units;
}

}  // namespace

bool is_disposable_h264(Bytes packet, Bytes extradata) {
  const bool has_lengths = extradata.size() >= 7 && extradata[0] == 1;
  const Units units = has_lengths ? units_by_length(packet, (extradata[4] & 3U) + 1U) : units_by_start_code(packet);
  return units.disposable && units.pictures;
}

}  // namespace action_images::ffmpeg
