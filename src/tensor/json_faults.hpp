// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <set>
#include <string>

#include <nlohmann/json.hpp>

namespace action_images {

/// Finds, as a parser's callback, what the JSON library would pass over: keys that an object has twice, and objects
/// nested more than two deep (which are not read).
class JsonFaults {
 public:
  bool operator()(int depth, nlohmann::json::parse_event_t event, nlohmann::json& value) {
    if (event == nlohmann::json::parse_event_t::object_start) {
      const auto level = static_cast<std::size_t>(depth);
      if (level >= keys_.size()) return !(nested_ = true);
      keys_[level].clear();
    }
    if (event == nlohmann::json::parse_event_t::key) {
      const auto level = static_cast<std::size_t>(depth - 1);
      const auto name = value.get<std::string>();
      if (level < keys_.size() && !keys_[level].insert(name).second) duplicate_ = name;
    }
    return true;
  }

  const std::string& duplicate() const { return duplicate_; }
  bool nested() const { return nested_; }

 private:
  std::array<std::set<std::string>, 2> keys_;  // of the outer object, and of the inner one that is being read
  std::string duplicate_;
  bool nested_ = false;
};

}  // namespace action_images
