// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace action_images {

/// HTML 5's named character references, "name:hex" or "name:hex+hex" separated by spaces; '!' instead of ':' after
/// names that count without their semicolon, too. Written by scripts/html_entities.py.
extern const std::string_view html_entity_table;

/// HTML's character references decoded by HTML 5's rules, equal to Python's html.unescape: a known name may lack its
/// semicolon where the standard allows it, numbers that are no character become U+FFFD or nothing.
std::u32string unescape_html(std::u32string_view text);

/// Decodes complete references only: "&name;", "&#12;", "&#x1F;", a name of at most 24 letters and digits.
std::u32string unescape_complete_html(std::u32string_view text);

/// U+0080 to U+009F as Windows-1252 has them, which also HTML's numbers mean; others as they are.
char32_t from_windows_1252(char32_t code);

}  // namespace action_images
