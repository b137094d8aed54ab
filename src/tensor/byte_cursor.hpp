// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace action_images {

static_assert(std::endian::native == std::endian::little, "files of weights are little-endian");

/// Reads bytes one after the other and never past their end: every read gives nullopt there, and stays where it was.
class ByteCursor {
 public:
  explicit ByteCursor(std::span<const std::uint8_t> bytes, std::uint64_t position = 0)
      : bytes_(bytes), position_(std::min<std::uint64_t>(position, bytes.size())) {}

  std::uint64_t position() const { return position_; }
  std::uint64_t left() const { return bytes_.size() - position_; }

  /// The next number, little-endian.
  template <typename Number>
  std::optional<Number> number() {
    if (left() < sizeof(Number)) return std::nullopt;
    Number value;
    std::memcpy(&value, bytes_.data() + position_, sizeof(Number));
    position_ += sizeof(Number);
    return value;
  }

  /// The next `count` bytes.
  std::optional<std::span<const std::uint8_t>> take(std::uint64_t count) {
    if (left() < count) return std::nullopt;
    const auto part = bytes_.subspan(position_, count);
    position_ += count;
    return part;
  }

  /// The next `count` bytes as text.
  std::optional<std::string_view> text(std::uint64_t count) {
    const auto part = take(count);
    if (!part) return std::nullopt;
    return std::string_view(reinterpret_cast<const char*>(part->data()), part->size());
  }

  /// The bytes up to the next line feed, which is passed over.
  std::optional<std::string_view> line() {
    const auto rest = bytes_.subspan(position_);
    const auto end = std::find(rest.begin(), rest.end(), static_cast<std::uint8_t>('\n'));
    if (end == rest.end()) return std::nullopt;
    const auto result = text(static_cast<std::uint64_t>(end - rest.begin()));
    ++position_;
    return result;
  }

 private:
  std::span<const std::uint8_t> bytes_;
  std::uint64_t position_;
};

}  // namespace action_images
