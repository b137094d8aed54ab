// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "video_index.hpp"

namespace action_images::ffmpeg {

/// Indices on disk, one file for each video, named after the video's path. They are of use on the machine that wrote
/// them, with the FFmpeg that it has; everything else is made anew.

/// @param video  absolute path of the video.   @param state  of the video now.
/// @return null if there is none, or it is stale, damaged or of another version.
std::shared_ptr<const VideoIndex> load_index(const std::filesystem::path& folder, const std::string& video,
                                             const FileState& state);

/// Makes the folder if it is not there. @throws FormatError if it cannot be written.
void store_index(const std::filesystem::path& folder, const std::string& video, const VideoIndex& index,
                 const std::string& where);

}  // namespace action_images::ffmpeg
