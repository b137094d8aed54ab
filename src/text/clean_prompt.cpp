// SPDX-License-Identifier: Apache-2.0
#include <action_images/text/clean_prompt.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include <action_images/core/check.hpp>

#include "fix_glyphs.hpp"
#include "html_entities.hpp"
#include "letter_case.hpp"
#include "utf8.hpp"

namespace action_images {

namespace {

constexpr std::array<std::pair<PromptCleaning, std::string_view>, 4> names{{
    {PromptCleaning::none, "none"},
    {PromptCleaning::whitespace, "whitespace"},
    {PromptCleaning::lower, "lower"},
    {PromptCleaning::canonicalize, "canonicalize"},
}};

bool is_space(char32_t c) {
  if ((c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || (c >= 0x2000 && c <= 0x200A)) return true;
  constexpr std::u32string_view others = U"\u0085\u00A0\u1680\u2028\u2029\u202F\u205F\u3000";
  return others.find(c) != std::u32string_view::npos;
}

std::u32string collapse_spaces(std::u32string_view text) {
  std::u32string collapsed;
  bool space = false;
  for (const char32_t c : text) {
    if (!is_space(c)) {
      if (space && !collapsed.empty()) collapsed += ' ';
      collapsed += c;
    }
    space = is_space(c);
  }
  return collapsed;
}

bool is_punctuation(char32_t c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

// Without ASCII punctuation, apart from that of `keep` where the whole of it is found.
std::u32string without_punctuation(std::u32string_view text, std::u32string_view keep) {
  std::u32string words;
  while (!text.empty()) {
    const bool kept = !keep.empty() && text.starts_with(keep);
    if (kept) words += keep;
    if (!kept && !is_punctuation(text[0])) words += text[0];
    text.remove_prefix(kept ? keep.size() : 1);
  }
  return words;
}

}  // namespace

PromptCleaning prompt_cleaning(std::string_view name) {
  const auto found = std::find_if(names.begin(), names.end(), [&](const auto& entry) { return entry.second == name; });
  check(found != names.end(), "text::prompt_cleaning", "name", "none, whitespace, lower or canonicalize", name);
  return found->first;
}

std::string_view prompt_cleaning_name(PromptCleaning cleaning) {
  return names[static_cast<std::size_t>(cleaning)].second;
}

std::string clean_prompt(std::string_view prompt, PromptCleaning cleaning, std::string_view keep_punctuation) {
  if (cleaning == PromptCleaning::none) return std::string(prompt);
  std::u32string text = collapse_spaces(unescape_html(unescape_html(fix_glyphs(decode_utf8(prompt)))));
  if (cleaning == PromptCleaning::canonicalize) {
    std::replace(text.begin(), text.end(), U'_', U' ');
    text = collapse_spaces(without_punctuation(text, decode_utf8(keep_punctuation)));
  }
  if (cleaning != PromptCleaning::whitespace) text = lower_case(text);
  return encode_utf8(text);
}

}  // namespace action_images
