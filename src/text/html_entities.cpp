// SPDX-License-Identifier: Apache-2.0
#include "html_entities.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>

namespace action_images {

namespace {

struct Entity {
  std::u32string text;
  bool bare = false;  // counts without its semicolon
};

using Entities = std::unordered_map<std::string_view, Entity>;

std::u32string characters_of(std::string_view codes) {
  std::u32string text;
  for (const char* at = codes.begin(); at < codes.end(); ++at) {  // passes over the '+'
    std::uint32_t code = 0;
    at = std::from_chars(at, codes.end(), code, 16).ptr;
    text += static_cast<char32_t>(code);
  }
  return text;
}

Entities parse(std::string_view table) {
  Entities entities;
  while (!table.empty()) {
    const std::string_view entry = table.substr(0, table.find(' '));
    table.remove_prefix(entry.size() + 1);
    const std::size_t mark = entry.find_first_of(":!");
    entities.emplace(entry.substr(0, mark), Entity{characters_of(entry.substr(mark + 1)), entry[mark] == '!'});
  }
  return entities;
}

// nullptr if there is none of that name.
const Entity* find_entity(std::u32string_view name) {
  static const Entities entities = parse(html_entity_table);
  if (!std::all_of(name.begin(), name.end(), [](char32_t c) { return c < 0x80; })) return nullptr;
  const std::string key(name.begin(), name.end());
  const auto found = entities.find(key);
  return found == entities.end() ? nullptr : &found->second;
}

bool is_digit(char32_t c, unsigned base) {
  if (c >= '0' && c <= '9') return true;
  return base == 16 && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'));
}

// The character that a number means, by HTML 5's rules.
std::u32string numbered(std::uint32_t number) {
  if (number == 0 || number > 0x10FFFF || (number >= 0xD800 && number <= 0xDFFF)) return U"\uFFFD";
  const char32_t code = from_windows_1252(number);
  const bool unassigned = number >= 0x80 && number < 0xA0;  // by Windows-1252: kept as it is
  const bool control = number < 0x20 && number != '\t' && number != '\n' && number != '\f' && number != '\r';
  const bool noncharacter = (number >= 0xFDD0 && number <= 0xFDEF) || (number & 0xFFFE) == 0xFFFE;
  if (!unassigned && (control || number == 0x7F || noncharacter)) return {};
  return {code};
}

struct Reference {
  std::u32string text;     // what it stands for
  std::size_t length = 0;  // of the reference, with its '&'
};

// The number that text begins with, which is "&#".
std::optional<Reference> number_reference(std::u32string_view text) {
  const bool hexadecimal = text.size() > 2 && (text[2] == 'x' || text[2] == 'X');
  const unsigned base = hexadecimal ? 16 : 10;
  const std::size_t begin = hexadecimal ? 3 : 2;
  std::size_t end = begin;
  std::uint32_t number = 0;
  for (; end < text.size() && is_digit(text[end], base); ++end) {
    const char32_t digit = text[end] <= '9' ? text[end] - '0' : (text[end] | 0x20) - 'a' + 10;
    number = std::min<std::uint32_t>(number * base + digit, 0x110000);  // beyond every character
  }
  if (end == begin) return std::nullopt;
  return Reference{numbered(number), end + (end < text.size() && text[end] == ';')};
}

// The name that text begins with, "&" and at most 32 characters; without its semicolon the longest known one.
std::optional<Reference> name_reference(std::u32string_view text) {
  const std::size_t longest = std::min<std::size_t>(text.size(), 33);
  const std::size_t end = std::min(text.substr(0, longest).find_first_of(U"\t\n\f <&#;", 1), longest);
  const Entity* entity = find_entity(text.substr(1, end - 1));
  const bool closed = end < text.size() && text[end] == ';';
  if (entity != nullptr && (closed || entity->bare)) return Reference{entity->text, end + closed};
  for (std::size_t shorter = end - 1; shorter > 2; --shorter) {
    entity = find_entity(text.substr(1, shorter - 1));
    if (entity != nullptr && entity->bare) return Reference{entity->text, shorter};
  }
  return std::nullopt;
}

// The reference "&letters and digits;" that text begins with.
std::optional<Reference> complete_reference(std::u32string_view text) {
  const bool number = text.size() > 1 && text[1] == '#';
  const std::size_t begin = number ? 2 : 1;
  const auto belongs = [](char32_t c) { return is_digit(c, 10) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'); };
  std::size_t end = begin;
  while (end < text.size() && end - begin <= 24 && belongs(text[end])) ++end;
  if (end == begin || end - begin > 24 || end == text.size() || text[end] != ';') return std::nullopt;
  if (!number) {
    const Entity* entity = find_entity(text.substr(1, end - 1));
    return entity == nullptr ? std::nullopt : std::optional(Reference{entity->text, end + 1});
  }
  auto reference = number_reference(text);
  const bool whole = reference && reference->length == end + 1 && reference->text != U";";
  return whole ? std::move(reference) : std::nullopt;
}

// Replaces every reference that `read` finds at an '&'.
template <typename Read>
std::u32string replace_references(std::u32string_view text, Read&& read) {
  std::u32string decoded;
  while (!text.empty()) {
    const auto reference = text[0] == '&' ? read(text) : std::nullopt;
    decoded += reference ? reference->text : std::u32string(1, text[0]);
    text.remove_prefix(reference ? reference->length : 1);
  }
  return decoded;
}

}  // namespace

char32_t from_windows_1252(char32_t code) {
  constexpr char32_t table[32] = {0x20AC, 0x81,   0x201A, 0x192,  0x201E, 0x2026, 0x2020, 0x2021,
                                  0x2C6,  0x2030, 0x160,  0x2039, 0x152,  0x8D,   0x17D,  0x8F,
                                  0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                  0x2DC,  0x2122, 0x161,  0x203A, 0x153,  0x9D,   0x17E,  0x178};
  return code >= 0x80 && code < 0xA0 ? table[code - 0x80] : code;
}

std::u32string unescape_html(std::u32string_view text) {
  return replace_references(text, [](std::u32string_view rest) {
    return rest.size() > 1 && rest[1] == '#' ? number_reference(rest) : name_reference(rest);
  });
}

std::u32string unescape_complete_html(std::u32string_view text) { return replace_references(text, complete_reference); }

}  // namespace action_images
