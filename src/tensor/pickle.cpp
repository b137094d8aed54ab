// SPDX-License-Identifier: Apache-2.0
#include "pickle.hpp"

#include <bit>
#include <cstring>
#include <iomanip>
#include <optional>
#include <sstream>
#include <unordered_map>
#include <utility>

#include <action_images/core/check.hpp>

#include "byte_cursor.hpp"
#include "pickle_instructions.hpp"

namespace action_images {

namespace {

constexpr std::size_t most_values = 4'000'000;
constexpr std::uint8_t first_protocol = 2, last_protocol = 5;

std::string instruction_text(std::uint8_t code) {
  std::ostringstream text;
  text << "instruction 0x" << std::hex << std::setw(2) << std::setfill('0') << static_cast<int>(code);
  return text.str();
}

}  // namespace

// Runs one pickle: a stack of values, marks on it, and the memo.
class PickleMachine {
 public:
  using Id = Pickle::Id;
  using Kind = Pickle::Kind;
  using Value = Pickle::Value;

  PickleMachine(Pickle& pickle, std::span<const std::uint8_t> bytes, const std::string& name,
                const Pickle::Meaning& meaning)
      : pickle_(pickle), cursor_(bytes), name_(name), meaning_(meaning) {}

  void run() {
    require(next<std::uint8_t>() == PROTO, "a pickle of protocol 2 to 5", "something else");
    const int protocol = next<std::uint8_t>();
    require(protocol >= first_protocol && protocol <= last_protocol, "a pickle of protocol 2 to 5", protocol);
    for (auto code = next<std::uint8_t>(); code != STOP; code = next<std::uint8_t>()) {
      const bool known = scalar(code) || text_or_bytes(code) || container(code) || memo(code) || object(code);
      require(known, text_of("the instructions of ", meaning_.writer), instruction_text(code));
    }
    require(stack_.size() == 1 && marks_.empty(), "one value", text_of(stack_.size(), " at its end"));
    pickle_.root_ = stack_.back();
  }

 private:
  template <typename Got>
  void require(bool condition, std::string_view expected, const Got& got) const {
    check<FormatError>(condition, meaning_.where, name_, expected, got);
  }

  template <typename Number>
  Number next() {
    const auto number = cursor_.number<Number>();
    require(number.has_value(), "a complete pickle", "its end");
    return *number;
  }

  std::string next_text(std::uint64_t size) {
    const auto text = cursor_.text(size);
    require(text.has_value(), "a complete pickle", "its end");
    return std::string(*text);
  }

  std::string next_line() {
    const auto line = cursor_.line();
    require(line.has_value(), "a complete pickle", "its end");
    return std::string(*line);
  }

  void push(Value value) {
    require(pickle_.values_.size() < most_values, "at most 4000000 values", "more");
    stack_.push_back(static_cast<Id>(pickle_.values_.size()));
    pickle_.values_.push_back(std::move(value));
  }

  void push(Kind kind, std::int64_t integer = 0) { push(Value{.kind = kind, .integer = integer}); }
  void push_text(Kind kind, std::string text) { push(Value{.kind = kind, .text = std::move(text)}); }

  // The lowest position on the stack that belongs to what is being built.
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  Id pop() {
    require(stack_.size() > floor(), "a value on the stack", "none");
    const Id id = stack_.back();
    stack_.pop_back();
    return id;
  }

  Value& top() {
    require(stack_.size() > floor(), "a value on the stack", "none");
    return pickle_.values_[stack_.back()];
  }

  std::vector<Id> pop_last(std::size_t count) {
    require(stack_.size() >= floor() + count, "values on the stack", "none");
    std::vector<Id> items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return items;
  }

  std::vector<Id> pop_to_mark() {
    require(!marks_.empty(), "a mark on the stack", "none");
    auto items = pop_last(stack_.size() - marks_.back());
    marks_.pop_back();
    return items;
  }

  // A whole number of any length, little-endian in two's complement.
  void push_long(std::uint64_t size) {
    const std::string digits = next_text(size);
    if (size > sizeof(std::int64_t)) return push(Kind::other);
    const bool negative = size > 0 && (static_cast<std::uint8_t>(digits.back()) & 0x80) != 0;
    std::int64_t value = negative ? -1 : 0;
    std::memcpy(&value, digits.data(), size);
    push(Kind::integer, value);
  }

  bool scalar(std::uint8_t code) {
    switch (code) {
      case NONE:
        push(Kind::none);
        return true;
      case NEWTRUE:
        push(Kind::boolean, 1);
        return true;
      case NEWFALSE:
        push(Kind::boolean, 0);
        return true;
      case BININT:
        push(Kind::integer, next<std::int32_t>());
        return true;
      case BININT1:
        push(Kind::integer, next<std::uint8_t>());
        return true;
      case BININT2:
        push(Kind::integer, next<std::uint16_t>());
        return true;
      case LONG1:
        push_long(next<std::uint8_t>());
        return true;
      case LONG4:
        push_long(next<std::uint32_t>());
        return true;
      case BINFLOAT:
        push(Value{.kind = Kind::real, .real = std::bit_cast<double>(__builtin_bswap64(next<std::uint64_t>()))});
        return true;
      default:
        return false;
    }
  }

  bool text_or_bytes(std::uint8_t code) {
    switch (code) {
      case SHORT_BINUNICODE:
        push_text(Kind::text, next_text(next<std::uint8_t>()));
        return true;
      case BINUNICODE:
        push_text(Kind::text, next_text(next<std::uint32_t>()));
        return true;
      case BINUNICODE8:
        push_text(Kind::text, next_text(next<std::uint64_t>()));
        return true;
      case SHORT_BINBYTES:
        push_text(Kind::bytes, next_text(next<std::uint8_t>()));
        return true;
      case BINBYTES:
        push_text(Kind::bytes, next_text(next<std::uint32_t>()));
        return true;
      case BINBYTES8:
      case BYTEARRAY8:
        push_text(Kind::bytes, next_text(next<std::uint64_t>()));
        return true;
      case SHORT_BINSTRING:  // a str of Python 2, which may be either
        push_text(Kind::text, next_text(next<std::uint8_t>()));
        return true;
      case BINSTRING:
        push_text(Kind::text, next_text(next<std::uint32_t>()));
        return true;
      default:
        return false;
    }
  }

  void push_tuple(std::vector<Id> items) { push(Value{.kind = Kind::tuple, .items = std::move(items)}); }

  void extend(Kind kind, const std::vector<Id>& items) {
    Value& target = top();
    const bool fits = target.kind == kind && (kind != Kind::dict || items.size() % 2 == 0);
    require(fits, kind == Kind::dict ? "keys and values for a dict" : "items for a list", "another value");
    target.items.insert(target.items.end(), items.begin(), items.end());
  }

  bool container(std::uint8_t code) {
    switch (code) {
      case MARK:
        marks_.push_back(stack_.size());
        return true;
      case EMPTY_TUPLE:
        push(Kind::tuple);
        return true;
      case TUPLE1:
        push_tuple(pop_last(1));
        return true;
      case TUPLE2:
        push_tuple(pop_last(2));
        return true;
      case TUPLE3:
        push_tuple(pop_last(3));
        return true;
      case TUPLE:
        push_tuple(pop_to_mark());
        return true;
      case FROZENSET:
        push_tuple(pop_to_mark());
        return true;
      case EMPTY_SET:
      case EMPTY_LIST:
        push(Kind::list);
        return true;
      case APPEND:
        extend(Kind::list, pop_last(1));
        return true;
      case ADDITEMS:
      case APPENDS:
        extend(Kind::list, pop_to_mark());
        return true;
      case EMPTY_DICT:
        push(Kind::dict);
        return true;
      case SETITEM:
        extend(Kind::dict, pop_last(2));
        return true;
      case SETITEMS:
        extend(Kind::dict, pop_to_mark());
        return true;
      default:
        return false;
    }
  }

  void put(std::uint32_t index) {
    top();
    memo_[index] = stack_.back();
  }

  void get(std::uint32_t index) {
    const auto found = memo_.find(index);
    require(found != memo_.end(), "a memo that was written", index);
    stack_.push_back(found->second);
  }

  bool memo(std::uint8_t code) {
    switch (code) {
      case BINPUT:
        put(next<std::uint8_t>());
        return true;
      case LONG_BINPUT:
        put(next<std::uint32_t>());
        return true;
      case MEMOIZE:
        put(static_cast<std::uint32_t>(memo_.size()));
        return true;
      case BINGET:
        get(next<std::uint8_t>());
        return true;
      case LONG_BINGET:
        get(next<std::uint32_t>());
        return true;
      case FRAME:
        require(next<std::uint64_t>() <= cursor_.left(), "a complete pickle", "its end");
        return true;
      default:
        return false;
    }
  }

  void push_global(const std::string& module, const std::string& name) {
    std::string global = module + ' ' + name;
    meaning_.global(global);
    push_text(Kind::global, std::move(global));
  }

  void push_stack_global() {
    const auto names = pop_last(2);
    const Value &module = pickle_.at(names[0]), &name = pickle_.at(names[1]);
    require(module.kind == Kind::text && name.kind == Kind::text, "texts as a global's name", "other values");
    push_global(std::string(module.text), std::string(name.text));
  }

  void call() {
    const auto parts = pop_last(2);
    const Value &function = pickle_.at(parts[0]), &arguments = pickle_.at(parts[1]);
    require(function.kind == Kind::global && arguments.kind == Kind::tuple, "a call of a global", "another call");
    push(meaning_.call(pickle_, function, arguments));
  }

  // The state of an object; of a dict or a tensor it is passed over, as the _metadata of a state dict.
  void build() {
    const Id state = pop();
    Value& target = top();
    if (target.kind == Kind::object) {
      require(!target.state.has_value(), "one state of an object", "another one");
      target.state = state;
      return;
    }
    const bool known = target.kind == Kind::dict || target.kind == Kind::tensor;
    require(known, "attributes of a dict or a tensor", "those of another value");
  }

  bool object(std::uint8_t code) {
    switch (code) {
      case GLOBAL: {
        const std::string module = next_line();
        push_global(module, next_line());
        return true;
      }
      case STACK_GLOBAL:
        push_stack_global();
        return true;
      case REDUCE:
      case NEWOBJ:
        call();
        return true;
      case BUILD:
        build();
        return true;
      case BINPERSID:
        push(meaning_.persistent(pickle_, pickle_.at(pop())));
        return true;
      default:
        return false;
    }
  }

  Pickle& pickle_;
  ByteCursor cursor_;
  const std::string& name_;
  const Pickle::Meaning& meaning_;
  std::vector<Id> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint32_t, Id> memo_;
};

Pickle::Pickle(std::span<const std::uint8_t> bytes, const std::string& name, const Meaning& meaning) {
  PickleMachine(*this, bytes, name, meaning).run();
}

}  // namespace action_images
