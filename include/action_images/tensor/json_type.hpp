// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>

#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>

namespace action_images {

/// What is read from a JSON array: vectors, and arrays of a fixed size.
template <typename Value>
concept JsonList = requires(const Value& list) { list.begin(), list.end(), list.size(); } &&
                   !requires { typename Value::key_type; } && !std::same_as<Value, std::string> &&
                   !std::same_as<Value, nlohmann::json>;

template <typename Value>
concept JsonFixedList = JsonList<Value> && requires { std::tuple_size<Value>::value; };

/// What is read from a JSON object with any keys.
template <typename Value>
concept JsonMap = requires { typename Value::mapped_type; };

/// Whether JSON holds a value of a type as it is. (nlohmann's conversion makes 2 of 2.5, 1 of true, and a large number
/// of -1; whole numbers may be written as 1e4.) True for types that are none of bool, numbers, strings, and lists and
/// maps of them.
template <typename Value>
bool holds(const nlohmann::json& json) {
  if constexpr (std::same_as<Value, bool>) {
    return json.is_boolean();
  } else if constexpr (std::integral<Value>) {
    if (json.is_number_unsigned()) return std::in_range<Value>(json.get<std::uint64_t>());
    if (json.is_number_integer()) return std::in_range<Value>(json.get<std::int64_t>());
    if (!json.is_number_float()) return false;
    const auto number = json.get<double>();
    return std::abs(number) <= 0x1p53 && std::trunc(number) == number &&
           std::in_range<Value>(static_cast<std::int64_t>(number));
  } else if constexpr (std::floating_point<Value>) {
    return json.is_number();
  } else if constexpr (std::same_as<Value, std::string>) {
    return json.is_string();
  } else if constexpr (JsonMap<Value>) {
    return json.is_object() && std::all_of(json.begin(), json.end(), holds<typename Value::mapped_type>);
  } else if constexpr (JsonList<Value>) {
    if constexpr (JsonFixedList<Value>) {
      if (json.size() != std::tuple_size_v<Value>) return false;
    }
    return json.is_array() && std::all_of(json.begin(), json.end(), holds<typename Value::value_type>);
  } else {
    return true;
  }
}

/// What `holds` asks for, in words.
template <typename Value>
std::string json_type_name() {
  if constexpr (std::same_as<Value, bool>) {
    return "true or false";
  } else if constexpr (std::integral<Value>) {
    return std::signed_integral<Value> ? "a whole number" : "a whole number of at least 0";
  } else if constexpr (std::floating_point<Value>) {
    return "a number";
  } else if constexpr (std::same_as<Value, std::string>) {
    return "a text";
  } else if constexpr (JsonFixedList<Value>) {
    return text_of("a list of ", std::tuple_size_v<Value>, ", each ", json_type_name<typename Value::value_type>());
  } else if constexpr (JsonList<Value>) {
    return text_of("a list, each of it ", json_type_name<typename Value::value_type>());
  } else {
    return "a value of the documented type";
  }
}

}  // namespace action_images
