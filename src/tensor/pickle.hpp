// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

namespace action_images {

/// What a pickle describes: values in one list that name each other by their index, so that no depth of nesting and no
/// cycle costs stack. Nothing of it is executed: a global is a name, and a call is handed to whoever reads the pickle.
class Pickle {
 public:
  using Id = std::uint32_t;

  enum class Kind {
    none,
    boolean,
    integer,
    real,
    text,
    bytes,
    tuple,
    list,
    dict,
    global,
    object,
    tensor,
    storage,
    other
  };

  struct Value {
    Kind kind = Kind::none;
    std::int64_t integer = 0;  ///< integer (whole numbers of over 64 bits are "other"), boolean
    double real = 0;
    std::string text = {};         ///< text; global, object: "module name"; storage: its key
    std::vector<Id> items = {};    ///< tuple, list; dict: key, value, key, value, ...; object: what it was made from
    std::optional<Id> state = {};  ///< object: what its making was followed by
    at::Tensor tensor = {};        ///< tensor; storage: all its elements, 1-D
    bool untyped = false;          ///< storage: of bytes
  };

  /// What the reader of a pickle gives a meaning to; each throws for what it does not know.
  struct Meaning {
    std::function<void(const std::string& name)> global;  ///< may this name be used?
    std::function<Value(const Pickle&, const Value& function, const Value& arguments)> call;  ///< arguments: a tuple
    std::function<Value(const Pickle&, const Value& key)> persistent;  ///< what lies outside the pickle
    std::string_view where = "tensor::TorchFile";                      ///< for messages
    std::string_view writer = "torch.save";                            ///< for messages
  };

  /// Reads protocols 2 to 5, the instructions that Python's own pickler writes for plain data.
  /// @param name  of the pickle, for messages.
  /// @throws FormatError on any other instruction, a cut or inconsistent stream, or more than four million values.
  Pickle(std::span<const std::uint8_t> bytes, const std::string& name, const Meaning& meaning);

  const Value& root() const { return at(root_); }
  const Value& at(Id id) const { return values_[id]; }
  Id root_id() const { return root_; }
  std::size_t size() const { return values_.size(); }

 private:
  friend class PickleMachine;

  std::vector<Value> values_;
  Id root_ = 0;
};

}  // namespace action_images
