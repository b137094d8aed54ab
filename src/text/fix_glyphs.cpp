// SPDX-License-Identifier: Apache-2.0
#include "fix_glyphs.hpp"

#include <algorithm>
#include <utility>

#include "html_entities.hpp"

namespace action_images {

namespace {

using Replacement = std::pair<char32_t, std::u32string_view>;

constexpr Replacement ligatures[] = {
    {U'Ĳ', U"IJ"},  {U'ĳ', U"ij"},  {U'ŉ', U"ʼn"}, {U'Ǆ', U"DŽ"}, {U'ǅ', U"Dž"}, {U'ǆ', U"dž"},
    {U'Ǉ', U"LJ"},  {U'ǈ', U"Lj"},  {U'ǉ', U"lj"}, {U'Ǌ', U"NJ"}, {U'ǋ', U"Nj"}, {U'ǌ', U"nj"},
    {U'Ǳ', U"DZ"},  {U'ǲ', U"Dz"},  {U'ǳ', U"dz"}, {U'ﬀ', U"ff"}, {U'ﬁ', U"fi"}, {U'ﬂ', U"fl"},
    {U'ﬃ', U"ffi"}, {U'ﬄ', U"ffl"}, {U'ﬅ', U"ſt"}, {U'ﬆ', U"st"},
};

// The standard forms of U+FF5F to U+FFEE; what has none is itself.
constexpr std::u32string_view standard_width =
    U"⦅⦆。「」、・ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラ"
    U"リルレロワン\u3099\u309A"
    U"\u1160\u1100\u1101\u11AA\u1102\u11AC\u11AD\u1103\u1104\u1105\u11B0\u11B1\u11B2\u11B3\u11B4\u11B5\u111A\u1106"
    U"\u1107\u1108\u1121\u1109\u110A\u110B\u110C\u110D\u110E\u110F\u1110\u1111\u1112\uFFBF\uFFC0\uFFC1\u1161\u1162"
    U"\u1163\u1164\u1165\u1166\uFFC8\uFFC9\u1167\u1168\u1169\u116A\u116B\u116C\uFFD0\uFFD1\u116D\u116E\u116F\u1170"
    U"\u1171\u1172\uFFD8\uFFD9\u1173\u1174\u1175\uFFDD\uFFDE\uFFDF¢£¬\uFFE3¦¥₩\uFFE7│←↑→↓■○";

std::u32string with_standard_width(char32_t c) {
  if (c == 0x3000) return U" ";
  if (c == 0xFFE3) return U" \u0304";
  if (c >= 0xFF01 && c <= 0xFF5E) return {c - 0xFF01 + U'!'};
  if (c >= 0xFF5F && c < 0xFF5F + standard_width.size()) return {standard_width[c - 0xFF5F]};
  return {c};
}

char32_t uncurled(char32_t c) {
  if (c == 0x2BC || (c >= 0x2018 && c <= 0x201B)) return '\'';
  return c >= 0x201C && c <= 0x201F ? U'"' : c;
}

char32_t standard_line_break(char32_t c) { return c == '\r' || c == 0x2028 || c == 0x2029 || c == 0x85 ? U'\n' : c; }

std::u32string taken_apart(char32_t c) {
  const auto found = std::find_if(std::begin(ligatures), std::end(ligatures),
                                  [&](const Replacement& candidate) { return candidate.first == c; });
  return found == std::end(ligatures) ? std::u32string(1, c) : std::u32string(found->second);
}

std::u32string fixed_characters(std::u32string_view text) {
  std::u32string fixed;
  for (const char32_t c : text) {
    for (const char32_t part : taken_apart(from_windows_1252(c))) {
      for (const char32_t standard : with_standard_width(part)) fixed += standard_line_break(uncurled(standard));
    }
  }
  return fixed;
}

bool is_ascii_letter(char32_t c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }

// Characters of the escape sequence "ESC [ 0;31 m" that text begins with; 0 if it begins with none.
std::size_t escape_length(std::u32string_view text) {
  if (!text.starts_with(U"\x1B[")) return 0;
  const std::size_t end = text.find_first_not_of(U"0123456789;", 2);
  return end != std::u32string_view::npos && is_ascii_letter(text[end]) ? end + 1 : 0;
}

bool is_invisible(char32_t c) {
  const bool ascii = c <= 0x08 || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F;
  return ascii || (c >= 0x206A && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFC);
}

std::u32string without_invisible(std::u32string_view text) {
  std::u32string visible;
  while (!text.empty()) {
    const std::size_t escape = escape_length(text);
    if (escape == 0 && !is_invisible(text[0])) visible += text[0];
    text.remove_prefix(std::max<std::size_t>(escape, 1));
  }
  return visible;
}

std::u32string fixed_line(std::u32string line, bool unescape) {
  constexpr int most_passes = 64;  // so that "&amp;amp;amp;..." takes linear time
  for (int pass = 0; pass < most_passes; ++pass) {
    std::u32string fixed = without_invisible(fixed_characters(unescape ? unescape_complete_html(line) : line));
    if (fixed == line) break;
    line = std::move(fixed);
  }
  return line;
}

}  // namespace

std::u32string fix_glyphs(std::u32string_view text) {
  std::u32string fixed;
  bool unescape = true;  // until there is markup
  while (!text.empty()) {
    const std::u32string_view line = text.substr(0, std::min(text.find(U'\n'), text.size() - 1) + 1);
    unescape = unescape && line.find(U'<') == std::u32string_view::npos;
    fixed += fixed_line(std::u32string(line), unescape);
    text.remove_prefix(line.size());
  }
  return fixed;
}

}  // namespace action_images
