// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace action_images {

/// How a prompt is cleaned before it is tokenised, under the names that Wan's tokenizer gives the variants.
enum class PromptCleaning {
  none,          ///< not at all
  whitespace,    ///< glyphs repaired, entities decoded, white space collapsed: what Wan's networks were trained with
  lower,         ///< the same in small letters
  canonicalize,  ///< the same, underscores are spaces, and without ASCII punctuation
};

/// The cleaning of that name: "none", "whitespace", "lower" or "canonicalize". @throws ValueError on another name.
PromptCleaning prompt_cleaning(std::string_view name);

/// The name of a cleaning; prompt_cleaning() reads it back.
std::string_view prompt_cleaning_name(PromptCleaning cleaning);

/// A prompt as Wan cleans it. Malformed UTF-8 becomes U+FFFD. In this order:
/// - glyphs are repaired as by ftfy.fix_text: entities decoded unless there is a '<', Windows-1252 for C1 controls,
///   Latin ligatures taken apart, full and half width forms made standard, curly quotes straight, line breaks "\n",
///   terminal escapes and invisible control characters removed; again until nothing changes, at most 64 times;
/// - HTML's character references are decoded as by Python's html.unescape, twice;
/// - every run of white space becomes one space, none at the ends.
///
/// Three things differ from ftfy. Text that was decoded with a wrong encoding ("Ã©" for "é") is not guessed at;
/// combining characters are not composed (NFC): a SentencePiece model brings its own normalisation; entities in
/// capitals that HTML does not know ("&EACUTE;") stay. Small letters are those of the Latin, Greek, Cyrillic and
/// Armenian scripts; a final sigma is written as the others.
/// @param keep_punctuation  only for canonicalize: this text stays where it is found, e.g. "{}".
std::string clean_prompt(std::string_view prompt, PromptCleaning cleaning = PromptCleaning::whitespace,
                         std::string_view keep_punctuation = {});

}  // namespace action_images
