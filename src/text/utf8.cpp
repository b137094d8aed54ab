// SPDX-License-Identifier: Apache-2.0
#include "utf8.hpp"

#include <bit>
#include <cstddef>

namespace action_images {

namespace {

struct Character {
  char32_t code = 0xFFFD;
  std::size_t bytes = 1;
};

Character leading_character(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  if (byte(0) < 0x80) return {byte(0), 1};
  const auto bytes = static_cast<std::size_t>(std::countl_one(byte(0)));
  if (bytes < 2 || bytes > 4 || text.size() < bytes) return {};
  char32_t code = byte(0) & (0x7Fu >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3Fu);
  }
  constexpr char32_t first[] = {0x80, 0x800, 0x10000};  // that needs 2, 3, 4 bytes
  const bool valid = code >= first[bytes - 2] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
  return valid ? Character{code, bytes} : Character{};
}

}  // namespace

std::u32string decode_utf8(std::string_view text) {
  std::u32string characters;
  while (!text.empty()) {
    const Character character = leading_character(text);
    characters += character.code;
    text.remove_prefix(character.bytes);
  }
  return characters;
}

std::string encode_utf8(std::u32string_view text) {
  std::string encoded;
  const auto rest = [&](char32_t code, int shift) { encoded += static_cast<char>(0x80 | (code >> shift & 0x3F)); };
  for (const char32_t code : text) {
    if (code < 0x80) {
      encoded += static_cast<char>(code);
      continue;
    }
    if (code < 0x800) {
      encoded += static_cast<char>(0xC0 | code >> 6);
    } else {
      encoded += static_cast<char>(code < 0x10000 ? 0xE0 | code >> 12 : 0xF0 | code >> 18);
      if (code >= 0x10000) rest(code, 12);
      rest(code, 6);
    }
    rest(code, 0);
  }
  return encoded;
}

}  // namespace action_images
