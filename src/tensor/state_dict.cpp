// SPDX-License-Identifier: Apache-2.0
#include "state_dict.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>

namespace action_images {

namespace {

using Kind = Pickle::Kind;
using Value = Pickle::Value;

constexpr int deepest = 8;  // dicts inside dicts

// What training programs call the dict that holds the network's weights.
constexpr std::array<std::string_view, 8> usual_names = {"state_dict",      "model_state_dict", "model", "module",
                                                         "network_weights", "weights",          "net",   "params"};

bool is_utf8(const std::string& text) {
  try {
    nlohmann::json(text).dump();
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

struct Nested {
  std::string name;
  const Value* dict;
};

class StateDict {
 public:
  StateDict(const Pickle& pickle, const std::string& file) : pickle_(pickle), file_(file) {}

  TensorMap find(const std::string& part) const {
    const Value* dict = &pickle_.root();
    require(dict->kind == Kind::dict, "a dict of tensors", "another value");
    if (!part.empty()) return tensors_of(*named(*dict, part));
    for (int depth = 0; depth < deepest && !has_tensors(*dict); ++depth) dict = choose(nested_in(*dict)).dict;
    return tensors_of(*dict);
  }

 private:
  template <typename Got>
  void require(bool condition, std::string_view expected, const Got& got) const {
    check<FormatError>(condition, "tensor::TorchFile", text_of(file_, ": data.pkl"), expected, got);
  }

  // Calls visit(name, value) for every item of a dict whose key is a text.
  template <typename Visit>
  void for_each_item(const Value& dict, Visit&& visit) const {
    for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
      const Value& key = pickle_.at(dict.items[i]);
      if (key.kind == Kind::text) visit(key.text, pickle_.at(dict.items[i + 1]));
    }
  }

  bool has_tensors(const Value& dict) const {
    bool found = false;
    for_each_item(dict, [&](const std::string&, const Value& value) { found |= value.kind == Kind::tensor; });
    return found;
  }

  bool leads_to_tensors(const Value& dict, int depth = 0) const {
    if (dict.kind != Kind::dict || depth > deepest) return false;
    if (has_tensors(dict)) return true;
    bool found = false;
    for_each_item(dict,
                  [&](const std::string&, const Value& value) { found = found || leads_to_tensors(value, depth + 1); });
    return found;
  }

  std::vector<Nested> nested_in(const Value& dict) const {
    std::vector<Nested> nested;
    for_each_item(dict, [&](const std::string& name, const Value& value) {
      if (leads_to_tensors(value)) nested.push_back({name, &value});
    });
    return nested;
  }

  Nested choose(const std::vector<Nested>& nested) const {
    require(!nested.empty(), "a dict of tensors", "none");
    if (nested.size() == 1) return nested.front();
    std::vector<Nested> usual;
    std::string names;
    for (const Nested& candidate : nested) {
      const auto& known = usual_names;
      if (std::find(known.begin(), known.end(), candidate.name) != known.end()) usual.push_back(candidate);
      names += (names.empty() ? "" : ", ") + printable(candidate.name);
    }
    require(usual.size() == 1, "one dict of tensors, or its name as `part`", printable(names, 300));
    return usual.front();
  }

  const Value* named(const Value& root, const std::string& part) const {
    const Value* dict = &root;
    for (std::size_t begin = 0; begin <= part.size();) {
      const std::size_t end = std::min(part.find('/', begin), part.size());
      const std::string name = part.substr(begin, end - begin);
      const Value* found = nullptr;
      for_each_item(*dict, [&](const std::string& key, const Value& value) {
        if (key == name && value.kind == Kind::dict) found = &value;
      });
      require(found != nullptr, text_of("the dict \"", printable(part), '"'), "none of that name");
      dict = found;
      begin = end + 1;
    }
    return dict;
  }

  TensorMap tensors_of(const Value& dict) const {
    TensorMap tensors;
    for_each_item(dict, [&](const std::string& name, const Value& value) {
      if (value.kind != Kind::tensor) return;
      require(is_utf8(name), "names in UTF-8", printable(name, 200));
      require(tensors.emplace(name, value.tensor).second, "every name once", printable(name, 200));
    });
    require(!tensors.empty(), "a dict of tensors", "none");
    return tensors;
  }

  const Pickle& pickle_;
  const std::string& file_;
};

}  // namespace

TensorMap state_dict_of(const Pickle& pickle, const std::string& part, const std::string& file) {
  return StateDict(pickle, file).find(part);
}

}  // namespace action_images
