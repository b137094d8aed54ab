// SPDX-License-Identifier: Apache-2.0
#include <action_images/tensor/file_fingerprint.hpp>

#include <algorithm>
#include <cstdint>
#include <fstream>

#include <c10/util/hash.h>

#include <action_images/core/check.hpp>

namespace action_images {

std::string file_fingerprint(const std::filesystem::path& path) {
  constexpr auto where = "tensor::file_fingerprint";
  constexpr std::uint64_t blocks = 64, block_size = 64 * 1024;
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path, error);
  check<FormatError>(!error, where, path.string(), "a readable file", error.message());
  std::string sampled = text_of("size ", size, '\n');
  std::ifstream stream(path, std::ios::binary);
  std::string block(block_size, '\0');
  const std::uint64_t last = size - std::min(size, block_size);  // where the last block begins
  const std::uint64_t count = std::min(blocks, size / block_size + 1);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t begin = count == 1 ? 0 : last / (count - 1) * i + last % (count - 1) * i / (count - 1);
    const std::uint64_t bytes = std::min(block_size, size - begin);
    stream.seekg(static_cast<std::streamoff>(begin));
    stream.read(block.data(), static_cast<std::streamsize>(bytes));
    check<FormatError>(stream.good(), where, path.string(), "a readable file", "a failing read");
    sampled.append(block, 0, bytes);
  }
  return c10::sha1(sampled).str();
}

}  // namespace action_images
