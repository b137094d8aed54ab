// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <sstream>
#include <string>
#include <string_view>

#include <action_images/core/error.hpp>

/// Errors say where, which argument, what was expected and what was got:
/// `[codec::encode] actions: expected (T, 7), got (41, 8)`.

namespace action_images {

/// Text of a shape such as "(41, 7)"; a single axis reads "(41,)", no axis "()".
template <typename Sizes>
std::string shape_text(const Sizes& sizes) {
  std::ostringstream text;
  text << '(';
  std::size_t axes = 0;
  for (const auto size : sizes) text << (axes++ > 0 ? ", " : "") << size;
  text << (axes == 1 ? ",)" : ")");
  return text.str();
}

inline std::string shape_text(std::initializer_list<std::int64_t> sizes) {
  return shape_text<std::initializer_list<std::int64_t>>(sizes);
}

/// Joins everything that can be streamed into one string: text_of("view ", 3).
template <typename... Parts>
std::string text_of(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

/// A piece of what somebody wrote, for messages: at most `longest` characters, those that are not plain ASCII as '?'.
inline std::string printable(std::string_view text, std::size_t longest = 40) {
  std::string result(text.substr(0, longest));
  for (char& letter : result) {
    if (letter < ' ' || letter > '~') letter = '?';
  }
  return result;
}

/// The library's message form: "[where] argument: expected <expected>, got <got>".
inline std::string expected_text(std::string_view where, std::string_view argument, std::string_view expected,
                                 std::string_view got) {
  return text_of('[', where, "] ", argument, ": expected ", expected, ", got ", got);
}

/// Throws Error (ValueError unless named) with the library's message form if the condition does not hold.
/// `got` is streamed, and only when the check fails.
template <typename Error = ValueError, typename Got>
void check(bool condition, std::string_view where, std::string_view argument, std::string_view expected,
           const Got& got) {
  if (!condition) throw Error(expected_text(where, argument, expected, text_of(got)));
}

/// Throws ShapeError unless the condition holds; `sizes` is what was got.
template <typename Sizes>
void check_shape(bool condition, std::string_view where, std::string_view argument, std::string_view expected,
                 const Sizes& sizes) {
  if (!condition) throw ShapeError(expected_text(where, argument, expected, shape_text(sizes)));
}

inline void check_shape(bool condition, std::string_view where, std::string_view argument, std::string_view expected,
                        std::initializer_list<std::int64_t> sizes) {
  check_shape<std::initializer_list<std::int64_t>>(condition, where, argument, expected, sizes);
}

}  // namespace action_images
