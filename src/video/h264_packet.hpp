// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace action_images::ffmpeg {

/// Whether an H.264 packet is nothing but a picture on which no other leans (nal_ref_idc 0): leaving it out changes no
/// other picture. False in doubt.
/// @param extradata  of the stream: tells whether units begin with their length (avcC) or with a start code.
bool is_disposable_h264(std::span<const std::uint8_t> packet, std::span<const std::uint8_t> extradata);

}  // namespace action_images::ffmpeg
