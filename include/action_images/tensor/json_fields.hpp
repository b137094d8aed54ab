// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>
#include <action_images/tensor/json_type.hpp>

namespace action_images {

/// Names of an enumeration's values in JSON.
template <typename Enum, std::size_t N>
using JsonNames = std::array<std::pair<Enum, std::string_view>, N>;

template <typename Enum, std::size_t N>
std::string name_in(const JsonNames<Enum, N>& names, Enum value) {
  const auto found = std::find_if(names.begin(), names.end(), [&](const auto& entry) { return entry.first == value; });
  return std::string(found->second);
}

/// Reads the keys of one JSON object; absent keys leave their value as it is, and what nobody read is refused at the end.
/// Errors are FormatErrors that name the key.
class JsonFields {
 public:
  /// @param where  the function for messages.  @param name  of the object in its file.
  JsonFields(const nlohmann::json& object, std::string where, std::string name)
      : object_(object), where_(std::move(where)), name_(std::move(name)) {
    check<FormatError>(object_.is_object(), where_, name_, "an object", object_.type_name());
  }

  template <typename Value>
  void read(const char* key, Value& value) {
    const nlohmann::json* found = find(key);
    if (found == nullptr) return;
    try {
      if (holds<Value>(*found)) {
        value = found->template get<Value>();
        return;
      }
    } catch (const nlohmann::json::exception&) {  // told below
    }
    throw FormatError(expected_text(where_, name_ + "." + key, json_type_name<Value>(), found->dump()));
  }

  template <typename Enum, std::size_t N>
  void read_name(const char* key, const JsonNames<Enum, N>& names, Enum& value) {
    std::string name = name_in(names, value);
    read(key, name);
    const auto found = std::find_if(names.begin(), names.end(), [&](const auto& entry) { return entry.second == name; });
    if (found == names.end()) {
      std::string known;
      for (const auto& entry : names) known += (known.empty() ? "" : ", ") + std::string(entry.second);
      throw FormatError(expected_text(where_, name_ + "." + key, "one of " + known, '"' + name + '"'));
    }
    value = found->first;
  }

  /// For a key that says what the object is, if it is there. @throws ValueError for another text.
  void expect(const char* key, const std::string& text) {
    std::string found = text;
    read(key, found);
    check(found == text, where_, key, '"' + text + '"', '"' + found + '"');
  }

  /// The value of a key, or nullptr if it is absent.
  const nlohmann::json* find(const char* key) {
    taken_.push_back(key);
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }

  void refuse_others() const {
    for (const auto& [key, value] : object_.items()) {
      const bool known = std::find(taken_.begin(), taken_.end(), key) != taken_.end();
      check<FormatError>(known, where_, name_, "documented keys only", '"' + key + '"');
    }
  }

 private:
  const nlohmann::json& object_;
  std::string where_;
  std::string name_;
  std::vector<std::string> taken_;
};

}  // namespace action_images
