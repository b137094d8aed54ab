// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace action_images {

/// An array of numbers as NumPy writes it, in float64.
struct NpyArray {
  std::vector<std::int64_t> shape;
  std::vector<double> values;  ///< row-major
};

/// Reads a .npy file of at most 1 GiB: real numbers (float32, float64, whole numbers of 32 or 64 bits, or bytes),
/// little-endian.
/// @throws FormatError naming the file: another dtype (nothing is unpickled), a shape that the file is too short for,
/// ...
NpyArray read_npy(const std::filesystem::path& path, std::string_view where);

/// Reads all arrays of a .npz file, by name without ".npy"; compressed ones need zlib and may have at most 1 GiB
/// together. Those with another dtype are left out.
/// @throws FormatError naming the file.
std::map<std::string, NpyArray> read_npz(const std::filesystem::path& path, std::string_view where);

}  // namespace action_images
