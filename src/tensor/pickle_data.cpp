// SPDX-License-Identifier: Apache-2.0
#include <action_images/tensor/pickle_data.hpp>

#include <algorithm>
#include <optional>
#include <utility>

#include <action_images/core/check.hpp>

#include "mapped_file.hpp"
#include "pickle.hpp"
#include "pickled_array.hpp"

namespace action_images {

namespace {

using Kind = PickledValue::Kind;
using Source = Pickle::Value;

constexpr std::string_view where = "tensor::read_pickle_data";
constexpr std::string_view ordered_dict = "collections OrderedDict";
constexpr std::string_view encode = "_codecs encode";
constexpr std::string_view no_bytes = "__builtin__ bytes";  // how protocol 2 says b""

template <typename Got>
void require(bool condition, const std::string& name, std::string_view expected, const Got& got) {
  check<FormatError>(condition, where, name, expected, got);
}

// "module name" as "module.name".
std::string dotted(std::string_view global) {
  std::string text(global);
  const std::size_t space = text.rfind(' ');
  if (space != std::string::npos) text[space] = '.';
  return text;
}

// Bytes of a text whose letters are all below 256, as Python 3 writes bytes in protocol 2.
std::optional<std::string> latin1(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto first = static_cast<std::uint8_t>(text[i]);
    if (first >= 0x80) {
      if ((first != 0xc2 && first != 0xc3) || i + 1 == text.size()) return std::nullopt;
      const auto second = static_cast<std::uint8_t>(text[++i]);
      if ((second & 0xc0) != 0x80) return std::nullopt;
      bytes += static_cast<char>(((first & 3) << 6) | (second & 0x3f));
    } else {
      bytes += static_cast<char>(first);
    }
  }
  return bytes;
}

Source called(const Pickle& pickle, const Source& function, const Source& arguments, const std::string& name) {
  if (function.text == ordered_dict) {
    require(arguments.items.empty(), name, "an empty OrderedDict before its items", "another one");
    return {.kind = Pickle::Kind::dict};
  }
  if (function.text == no_bytes) {
    require(arguments.items.empty(), name, "empty bytes", "another call of bytes");
    return {.kind = Pickle::Kind::bytes};
  }
  if (function.text != encode) {
    return {.kind = Pickle::Kind::object, .text = function.text, .items = arguments.items};
  }
  const bool text = !arguments.items.empty() && pickle.at(arguments.items[0]).kind == Pickle::Kind::text;
  const auto bytes = text ? latin1(pickle.at(arguments.items[0]).text) : std::nullopt;
  require(bytes.has_value(), name, "bytes written as latin1", "another call of _codecs.encode");
  return {.kind = Pickle::Kind::bytes, .text = *bytes};
}

Pickle::Meaning meaning_of(const std::string& name, const PickleDataOptions& options) {
  Pickle::Meaning meaning;
  meaning.where = where;
  meaning.writer = "a pickle of plain data";
  meaning.global = [&name, &options](const std::string& global) {
    const auto& classes = options.classes;
    const bool named = std::find(classes.begin(), classes.end(), dotted(global)) != classes.end();
    const bool plain = global == ordered_dict || global == encode || global == no_bytes;
    const bool known = named || plain || is_global_of_numpy(global);
    require(known, name, "plain data", text_of("the global ", printable(global, 100)));
  };
  meaning.call = [&name](const Pickle& pickle, const Source& function, const Source& arguments) {
    return called(pickle, function, arguments, name);
  };
  meaning.persistent = [&name](const Pickle&, const Source&) -> Source {
    require(false, name, "plain data", "a reference to another file");
    return {};
  };
  return meaning;
}

// Puts the values of a pickle into the order of PickleData, without recursion.
class Ordered {
 public:
  Ordered(const Pickle& pickle, Pickle::Id root, std::size_t count, const std::string& name)
      : pickle_(pickle), name_(name), index_(count, unknown) {
    enter(root);
    while (!open_.empty()) step();
  }

  std::vector<PickledValue> take() { return std::move(values_); }

 private:
  static constexpr PickledValue::Index unknown = 0xffffffff, begun = 0xfffffffe;

  struct Open {
    Pickle::Id id;
    PickledValue value;
    std::vector<Pickle::Id> children;
    std::size_t next = 0;
  };

  void enter(Pickle::Id id) {
    Open open{.id = id, .value = {}, .children = {}};
    index_[id] = begun;
    describe(pickle_.at(id), open);
    open_.push_back(std::move(open));
  }

  void step() {
    Open& top = open_.back();
    if (top.next == top.children.size()) {
      index_[top.id] = static_cast<PickledValue::Index>(values_.size());
      values_.push_back(std::move(top.value));
      open_.pop_back();
      return;
    }
    const Pickle::Id child = top.children[top.next];
    require(index_[child] != begun, name_, "values that do not hold themselves", "a cycle");
    if (index_[child] == unknown) return enter(child);
    top.value.items.push_back(index_[child]);
    ++top.next;
  }

  void describe(const Source& source, Open& open) {
    PickledValue& value = open.value;
    value.integer = source.integer;
    value.real = source.real;
    value.text = source.text;
    switch (source.kind) {
      case Pickle::Kind::none:
        value.kind = Kind::none;
        break;
      case Pickle::Kind::boolean:
        value.kind = Kind::boolean;
        break;
      case Pickle::Kind::integer:
        value.kind = Kind::integer;
        break;
      case Pickle::Kind::real:
        value.kind = Kind::real;
        break;
      case Pickle::Kind::text:
        value.kind = Kind::text;
        break;
      case Pickle::Kind::bytes:
        value.kind = Kind::bytes;
        break;
      case Pickle::Kind::tuple:
      case Pickle::Kind::list:
        value.kind = Kind::list;
        open.children = source.items;
        break;
      case Pickle::Kind::dict:
        value.kind = Kind::dict;
        open.children = source.items;
        check_keys(source);
        break;
      case Pickle::Kind::object:
        describe_object(source, open);
        break;
      default:
        require(false, name_, "plain data",
                source.kind == Pickle::Kind::other ? "a number of over 64 bits" : "another value");
    }
  }

  void check_keys(const Source& dict) const {
    for (std::size_t i = 0; i < dict.items.size(); i += 2) {
      const Pickle::Kind key = pickle_.at(dict.items[i]).kind;
      const bool plain = key == Pickle::Kind::text || key == Pickle::Kind::integer || key == Pickle::Kind::boolean;
      require(plain, name_, "texts or whole numbers as keys", "another key");
    }
  }

  void describe_object(const Source& source, Open& open) const {
    if (const auto array = pickled_array(pickle_, source, name_)) {
      open.value = array->value;
      open.children = array->items;
      return;
    }
    require(!is_global_of_numpy(source.text), name_, "arrays of numpy", text_of("a ", printable(source.text, 100)));
    open.value.kind = Kind::object;
    open.value.name = dotted(source.text);
    open.value.text = {};
    if (!source.state || pickle_.at(*source.state).kind == Pickle::Kind::none) return;
    const bool attributes = pickle_.at(*source.state).kind == Pickle::Kind::dict;
    require(attributes, name_, text_of("attributes of a ", printable(open.value.name, 100)), "another state");
    open.children = {*source.state};
  }

  const Pickle& pickle_;
  const std::string& name_;
  std::vector<PickledValue::Index> index_;
  std::vector<Open> open_;
  std::vector<PickledValue> values_;
};

}  // namespace

PickleData::PickleData(const std::filesystem::path& path, const PickleDataOptions& options) {
  const MappedFile file(path);
  read(file.bytes(), path.string(), options);
}

PickleData::PickleData(std::span<const std::uint8_t> bytes, const std::string& name, const PickleDataOptions& options) {
  read(bytes, name, options);
}

void PickleData::read(std::span<const std::uint8_t> bytes, const std::string& name, const PickleDataOptions& options) {
  require(options.offset <= bytes.size(), name, text_of("a pickle at byte ", options.offset), "the file's end");
  const auto part = bytes.subspan(options.offset);
  require(part.size() <= options.largest, name, text_of("a pickle of at most ", options.largest, " bytes"),
          part.size());
  pickle_ = std::make_shared<const Pickle>(part, name, meaning_of(name, options));
  values_ = Ordered(*pickle_, pickle_->root_id(), pickle_->size(), name).take();
}

}  // namespace action_images
