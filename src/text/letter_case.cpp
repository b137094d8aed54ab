// SPDX-License-Identifier: Apache-2.0
#include "letter_case.hpp"

#include <algorithm>
#include <cstdint>

namespace action_images {

namespace {

struct Capitals {
  char32_t first, last;
  std::int32_t to_small;  // added to a capital
  char32_t step = 1;      // 2: every other one, with the small letters between
};

constexpr Capitals capitals[] = {
    {'A', 'Z', 32},          {0xC0, 0xD6, 32},       {0xD8, 0xDE, 32},        // ASCII, Latin-1
    {0x100, 0x12E, 1, 2},    {0x132, 0x136, 1, 2},   {0x139, 0x147, 1, 2},    // Latin Extended-A
    {0x14A, 0x176, 1, 2},    {0x178, 0x178, -121},   {0x179, 0x17D, 1, 2},    //
    {0x1A0, 0x1A4, 1, 2},    {0x1AF, 0x1AF, 1},      {0x1CD, 0x1DB, 1, 2},    // Latin Extended-B, in part
    {0x1DE, 0x1EE, 1, 2},    {0x1F8, 0x21E, 1, 2},   {0x222, 0x232, 1, 2},    //
    {0x386, 0x386, 38},      {0x388, 0x38A, 37},     {0x38C, 0x38C, 64},      // Greek
    {0x38E, 0x38F, 63},      {0x391, 0x3A1, 32},     {0x3A3, 0x3AB, 32},      //
    {0x400, 0x40F, 80},      {0x410, 0x42F, 32},     {0x460, 0x480, 1, 2},    // Cyrillic
    {0x48A, 0x4BE, 1, 2},    {0x4C0, 0x4C0, 15},     {0x4C1, 0x4CD, 1, 2},    //
    {0x4D0, 0x52E, 1, 2},    {0x531, 0x556, 48},     {0x1E00, 0x1E94, 1, 2},  // Armenian, Latin Additional
    {0x1E9E, 0x1E9E, -7615}, {0x1EA0, 0x1EFE, 1, 2},
};

char32_t small_letter(char32_t c) {
  const auto holds = [&](const Capitals& range) {
    return c >= range.first && c <= range.last && (c - range.first) % range.step == 0;
  };
  const auto found = std::find_if(std::begin(capitals), std::end(capitals), holds);
  return found == std::end(capitals) ? c : static_cast<char32_t>(static_cast<std::int32_t>(c) + found->to_small);
}

}  // namespace

std::u32string lower_case(std::u32string_view text) {
  std::u32string lowered;
  for (const char32_t c : text) {
    lowered += c == 0x130 ? U'i' : small_letter(c);
    if (c == 0x130) lowered += 0x307;  // capital i with a dot keeps its dot
  }
  return lowered;
}

}  // namespace action_images
