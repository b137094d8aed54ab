// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <action_images/text/tokenizer.hpp>

namespace action_images {
namespace {

using Entity = std::pair<std::string_view, std::uint32_t>;

constexpr Entity entities[] = {
    {"amp", '&'},      {"lt", '<'},       {"gt", '>'},       {"quot", '"'},      {"apos", '\''},    {"nbsp", 0xA0},
    {"iexcl", 0xA1},   {"cent", 0xA2},    {"pound", 0xA3},   {"yen", 0xA5},      {"sect", 0xA7},    {"copy", 0xA9},
    {"laquo", 0xAB},   {"shy", 0xAD},     {"reg", 0xAE},     {"deg", 0xB0},      {"plusmn", 0xB1},  {"sup2", 0xB2},
    {"sup3", 0xB3},    {"micro", 0xB5},   {"para", 0xB6},    {"middot", 0xB7},   {"sup1", 0xB9},    {"raquo", 0xBB},
    {"frac14", 0xBC},  {"frac12", 0xBD},  {"frac34", 0xBE},  {"iquest", 0xBF},   {"times", 0xD7},   {"szlig", 0xDF},
    {"auml", 0xE4},    {"ccedil", 0xE7},  {"egrave", 0xE8},  {"eacute", 0xE9},   {"ntilde", 0xF1},  {"ouml", 0xF6},
    {"divide", 0xF7},  {"uuml", 0xFC},    {"ndash", 0x2013}, {"mdash", 0x2014},  {"lsquo", 0x2018}, {"rsquo", 0x2019},
    {"ldquo", 0x201C}, {"rdquo", 0x201D}, {"bull", 0x2022},  {"hellip", 0x2026}, {"euro", 0x20AC},  {"trade", 0x2122},
};

void append_utf8(std::string& text, std::uint32_t code) {
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
  } else if (code < 0x10000) {
    text += {static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 0x3F)),
             static_cast<char>(0x80 | (code & 0x3F))};
  } else {
    text += {static_cast<char>(0xF0 | code >> 18), static_cast<char>(0x80 | (code >> 12 & 0x3F)),
             static_cast<char>(0x80 | (code >> 6 & 0x3F)), static_cast<char>(0x80 | (code & 0x3F))};
  }
}

// Character of what stands between '&' and ';', e.g. "amp", "#233", "#xE9".
std::optional<std::uint32_t> entity(std::string_view name) {
  if (name.size() < 2 || name[0] != '#') {
    const auto found = std::find_if(std::begin(entities), std::end(entities),
                                    [&](const Entity& candidate) { return candidate.first == name; });
    return found == std::end(entities) ? std::nullopt : std::optional(found->second);
  }
  const bool hexadecimal = name[1] == 'x' || name[1] == 'X';
  const std::string_view digits = name.substr(hexadecimal ? 2 : 1);
  std::uint32_t code = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), code, hexadecimal ? 16 : 10);
  const bool character = code > 0 && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
  if (error != std::errc() || end != digits.end() || !character) return std::nullopt;
  return code;
}

std::string decode_entities(std::string_view text) {
  constexpr std::size_t longest = 10;  // characters between '&' and ';'
  std::string decoded;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text[at] == '&' ? text.substr(0, std::min(text.size(), at + longest + 2)).find(';', at)
                                            : std::string_view::npos;
    const auto code = end == std::string_view::npos ? std::nullopt : entity(text.substr(at + 1, end - at - 1));
    if (code) append_utf8(decoded, *code);
    if (!code) decoded += text[at];
    at = code ? end + 1 : at + 1;
  }
  return decoded;
}

// Bytes of the white space character that text begins with; 0 if it begins with another one.
std::size_t leading_space(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first == ' ' || (first >= 0x09 && first <= 0x0D) || (first >= 0x1C && first <= 0x1F)) return 1;
  for (const std::string_view space :
       {"\u0085", "\u00A0", "\u1680", "\u2028", "\u2029", "\u202F", "\u205F", "\u3000"}) {
    if (text.starts_with(space)) return space.size();
  }
  const bool general = text.size() >= 3 && text.starts_with("\xE2\x80");  // U+2000 to U+200A
  return general && static_cast<unsigned char>(text[2]) <= 0x8A ? 3 : 0;
}

std::string collapse_spaces(std::string_view text) {
  std::string collapsed;
  bool space = false;
  while (!text.empty()) {
    const std::size_t bytes = leading_space(text);
    if (bytes == 0) {
      if (space && !collapsed.empty()) collapsed += ' ';
      collapsed += text[0];
    }
    space = bytes > 0;
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
  return collapsed;
}

}  // namespace

std::string clean_prompt(std::string_view prompt) { return collapse_spaces(decode_entities(decode_entities(prompt))); }

}  // namespace action_images
