// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include <action_images/video/frames.hpp>

/// Pictures on disk. Built without FFmpeg, both functions throw ValueError and say so.

namespace action_images {

/// Reads one picture as RGB: PNG, JPEG and whatever else FFmpeg decodes (of an animation, the first frame).
/// Transparency is dropped, 16-bit samples are rounded to 8, orientation tags are not applied.
/// @return one frame (1, height, width, 3), fps 0.
/// @throws FormatError naming the file if it is missing, not a regular file, empty, not a picture, cut short (never
///         half a picture), or larger than max_picture_side.
VideoFrames read_image(const std::filesystem::path& path);

/// Writes one frame as PNG (lossless). The file appears complete or not at all.
/// @param path   ends in ".png".
/// @param image  one frame, 1..max_picture_side on each side.
/// @throws ValueError if the name does not end in ".png"; ShapeError if image is not one frame;
///         FormatError naming the file if it cannot be written.
void write_image(const std::filesystem::path& path, const FramesView& image);

}  // namespace action_images
