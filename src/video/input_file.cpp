// SPDX-License-Identifier: Apache-2.0
#ifdef ACTION_IMAGES_WITH_FFMPEG
#include "input_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace action_images::ffmpeg {
namespace {

constexpr int buffer_size = 1 << 16;

}  // namespace

InputFile::InputFile(const std::filesystem::path& path, std::string where) : path_(path), where_(std::move(where)) {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) fail(where_, path_, "a readable file", std::strerror(errno));
  if (!S_ISREG(status.st_mode)) fail(where_, path_, "a regular file", "something else");
  if (status.st_size == 0) fail(where_, path_, "a picture or a video", "an empty file");
  state_.size = status.st_size;
  state_.modified_ns = std::int64_t(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec;
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) fail(where_, path_, "a readable file", std::strerror(errno));
  auto* buffer = static_cast<unsigned char*>(av_malloc(buffer_size));
  io_ = own(avio_alloc_context(buffer, buffer_size, 0, this, &InputFile::read, nullptr, &InputFile::seek));
}

InputFile::~InputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

int InputFile::read(void* self, std::uint8_t* bytes, int count) {
  const ssize_t got = ::read(static_cast<InputFile*>(self)->descriptor_, bytes, static_cast<std::size_t>(count));
  if (got < 0) return AVERROR(errno);
  return got == 0 ? AVERROR_EOF : static_cast<int>(got);
}

std::int64_t InputFile::seek(void* self, std::int64_t offset, int origin) {
  const auto* file = static_cast<InputFile*>(self);
  if ((origin & AVSEEK_SIZE) != 0) return file->state_.size;
  const off_t at = ::lseek(file->descriptor_, offset, origin & ~AVSEEK_FORCE);
  return at < 0 ? AVERROR(errno) : at;
}

bool InputFile::read_at(std::int64_t offset, std::uint8_t* bytes, std::size_t count) const {
  while (count > 0) {
    const ssize_t got = ::pread(descriptor_, bytes, count, offset);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes += got;
    offset += got;
    count -= static_cast<std::size_t>(got);
  }
  return true;
}

std::int64_t InputFile::find_last(std::uint8_t first, std::uint8_t second) const {
  std::vector<std::uint8_t> block(1 << 16);
  // Blocks from the end backwards, one byte of overlap so that no marker falls between two of them.
  for (std::int64_t end = state_.size; end >= 2;) {
    const std::int64_t begin = std::max<std::int64_t>(0, end - std::int64_t(block.size()));
    const ssize_t got = ::pread(descriptor_, block.data(), static_cast<std::size_t>(end - begin), begin);
    for (ssize_t i = got - 2; i >= 0; --i) {
      if (block[i] == first && block[i + 1] == second) return begin + i;
    }
    if (begin == 0) break;
    end = begin + 1;
  }
  return -1;
}

}  // namespace action_images::ffmpeg
#endif
