// SPDX-License-Identifier: Apache-2.0
#include <action_images/text/clean_prompt.hpp>

#include <string>

#include <doctest/doctest.h>

#include <action_images/core/error.hpp>

using namespace action_images;

TEST_CASE("white space collapses, whatever kind it is") {
  CHECK(clean_prompt("  pick\tup \n the  block ") == "pick up the block");
  CHECK(clean_prompt("red\u00A0\u3000\u2009block\u2028") == "red block");
  CHECK(clean_prompt("") == "");
  CHECK(clean_prompt(" \n ") == "");
}

TEST_CASE("HTML entities are decoded, again and again, and what is no entity stays") {
  CHECK(clean_prompt("a &amp; b &quot;d&quot; &#39;e&#x27;") == "a & b \"d\" 'e'");
  CHECK(clean_prompt("&amp;amp; &amp;nbsp;x") == "& x");
  CHECK(clean_prompt("caf&#233; &#x1F916; &euro; &nvle;") == "caf\u00E9 \U0001F916 \u20AC \u2264\u20D2");
  for (const char* text : {"&", "a&b;c", "R&D", "&#;", "&#x;", "&unknown;"}) CHECK(clean_prompt(text) == text);
}

TEST_CASE("a long prompt that is escaped again and again does not take for ever") {
  std::string prompt = "&";
  for (int i = 0; i < 100'000; ++i) prompt += "amp;";
  CHECK(clean_prompt(prompt).size() == prompt.size() - 4 * (64 + 2));
  CHECK(clean_prompt(std::string(1'000'000, '&')).size() == 1'000'000);
}

TEST_CASE("beside markup entities are decoded twice only") {
  CHECK(clean_prompt("<b> &amp;amp;amp;") == "<b> &amp;");
  CHECK(clean_prompt("<b>\n&amp;amp;amp;") == "<b> &amp;");
  CHECK(clean_prompt("&amp;amp;amp;\n<b>") == "& <b>");
}

TEST_CASE("old entities need no semicolon, and numbers that are no character are replaced or dropped") {
  CHECK(clean_prompt("R&ampD &notit; &copyright") == "R&D \u00ACit; \u00A9right");
  for (const char* text : {"&#xD800;", "&#1114112;", "&#99999999999;", "&#0;"}) CHECK(clean_prompt(text) == "\uFFFD");
  CHECK(clean_prompt("a&#7;b&#x80;") == "ab\u20AC");
}

TEST_CASE("glyphs of other widths, ligatures, curly quotes and invisible characters are repaired") {
  CHECK(clean_prompt("the robot\u2019s \u201Cgripper\u201D") == "the robot's \"gripper\"");
  CHECK(clean_prompt("\uFF32\uFF45\uFF44\u3000\uFB01ve \uFF8C\uFF9E") == "Red five \u30D5\u3099");
  CHECK(clean_prompt("\x1B[1;31mred\x1B[0m \uFEFFblock\x07") == "red block");
  CHECK(clean_prompt("wait\u0085 \u0096") == "wait\u2026 \u2013");
}

TEST_CASE("bytes that are no UTF-8 become U+FFFD, and characters of every length survive") {
  CHECK(clean_prompt("a\xFF\x80z\xE2\x82") == "a\uFFFD\uFFFDz\uFFFD\uFFFD");
  CHECK(clean_prompt("\xC0\x80\xED\xA0\x80") == "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD");  // too long, surrogate
  CHECK(clean_prompt("a \u00E9 \u0434 \u4E2D \U0001F916") == "a \u00E9 \u0434 \u4E2D \U0001F916");
}

TEST_CASE("the cleanings differ in letters and punctuation") {
  const std::string prompt = " Pick_up\tthe RED &amp; \u00C9TROIT block, {now}! ";
  CHECK(clean_prompt(prompt, PromptCleaning::none) == prompt);
  CHECK(clean_prompt(prompt) == "Pick_up the RED & \u00C9TROIT block, {now}!");
  CHECK(clean_prompt(prompt, PromptCleaning::lower) == "pick_up the red & \u00E9troit block, {now}!");
  CHECK(clean_prompt(prompt, PromptCleaning::canonicalize) == "pick up the red \u00E9troit block now");
  CHECK(clean_prompt("a photo of {}, {x}.", PromptCleaning::canonicalize, "{}") == "a photo of {} x");
}

TEST_CASE("capitals of the Latin, Greek, Cyrillic and Armenian scripts become small") {
  CHECK(clean_prompt("\u00C0\u0118\u0178\u0218 \u03A9 \u0416 \u0531", PromptCleaning::lower) ==
        "\u00E0\u0119\u00FF\u0219 \u03C9 \u0436 \u0561");
  CHECK(clean_prompt("\u0130stanbul \u00D7 \u00DF", PromptCleaning::lower) == "i\u0307stanbul \u00D7 \u00DF");
}

TEST_CASE("cleanings have names, and another name is refused") {
  for (const char* name : {"none", "whitespace", "lower", "canonicalize"}) {
    CHECK(prompt_cleaning_name(prompt_cleaning(name)) == name);
  }
  CHECK_THROWS_WITH_AS(prompt_cleaning("spaces"),
                       "[text::prompt_cleaning] name: expected none, whitespace, lower or canonicalize, got spaces",
                       ValueError);
}
