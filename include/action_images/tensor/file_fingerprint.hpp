// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace action_images {

/// Names a file's contents quickly: SHA-1 of its size and of at most 64 blocks of 64 KiB spread evenly over it (a file
/// of up to 4 MiB is read whole), as 40 hexadecimal digits.
/// @throws FormatError if the file cannot be read.
std::string file_fingerprint(const std::filesystem::path& path);

}  // namespace action_images
