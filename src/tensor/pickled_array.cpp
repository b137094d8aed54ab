// SPDX-License-Identifier: Apache-2.0
#include "pickled_array.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <action_images/core/check.hpp>

namespace action_images {

namespace {

using Kind = Pickle::Kind;
using Source = Pickle::Value;

constexpr std::array<std::string_view, 2> reconstructs = {"numpy.core.multiarray _reconstruct",
                                                          "numpy._core.multiarray _reconstruct"};
constexpr std::array<std::string_view, 2> scalars = {"numpy.core.multiarray scalar", "numpy._core.multiarray scalar"};
constexpr std::array<std::string_view, 2> buffers = {"numpy.core.numeric _frombuffer",
                                                     "numpy._core.numeric _frombuffer"};
constexpr std::string_view array_class = "numpy ndarray", dtype_class = "numpy dtype";

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

template <typename Got>
void require(bool condition, const std::string& name, std::string_view expected, const Got& got) {
  check<FormatError>(condition, "tensor::read_pickle_data", name, expected, got);
}

struct Dtype {
  std::string text;       // as numpy writes it: "<f8", "|u1"
  std::int64_t size = 0;  // [byte]
  bool objects = false;
};

// "f8" -> its size in bytes; nullopt for what is not plain.
std::optional<std::int64_t> size_of(std::string_view code) {
  std::int64_t size = 0;
  const char* const end = code.data() + code.size();
  const auto [rest, error] = std::from_chars(code.data() + 1, end, size);
  const bool number = error == std::errc() && rest == end && size >= 0 && size <= 1 << 20;
  if (!number) return std::nullopt;
  const char kind = code[0];
  const bool power = size == 1 || size == 2 || size == 4 || size == 8;
  if (kind == 'b' && size == 1) return 1;
  if ((kind == 'i' || kind == 'u') && power) return size;
  if (kind == 'f' && power && size > 1) return size;
  if (kind == 'S') return size;
  if (kind == 'U') return 4 * size;
  return std::nullopt;
}

/// The parts of one array, read with errors that name the pickle.
class Reader {
 public:
  Reader(const Pickle& pickle, const std::string& name) : pickle_(pickle), name_(name) {}

  PickledArray reconstructed(const Source& object) const {
    const bool plain = !object.items.empty() && pickle_.at(object.items[0]).text == array_class;
    const Source* const state = object.state ? &pickle_.at(*object.state) : nullptr;
    expect(plain && state != nullptr && state->kind == Kind::tuple && state->items.size() == 5);
    const auto part = [&](std::size_t i) -> const Source& { return pickle_.at(state->items[i]); };
    return array(part(1), part(2), part(3).integer != 0, part(4));
  }

  PickledArray from_buffer(const Source& object) const {
    expect(object.items.size() == 4 && !object.state);
    const auto part = [&](std::size_t i) -> const Source& { return pickle_.at(object.items[i]); };
    return array(part(2), part(1), part(3).text == "F", part(0));
  }

  PickledArray scalar(const Source& object) const {
    expect(object.items.size() == 2 && !object.state);
    return array({.kind = Kind::tuple}, pickle_.at(object.items[0]), false, pickle_.at(object.items[1]));
  }

 private:
  void expect(bool condition) const { require(condition, name_, "an array as numpy writes it", "another one"); }

  PickledArray array(const Source& shape, const Source& dtype, bool column_major, const Source& data) const {
    const Dtype type = dtype_of(dtype);
    PickledArray result;
    result.value.shape = sizes(shape);
    const std::int64_t count = product(result.value.shape);
    if (type.objects) {
      const bool list = data.kind == Kind::list && static_cast<std::int64_t>(data.items.size()) == count;
      require(list && result.value.shape.size() <= 1, name_, "a list of objects", "another array of objects");
      result.value.shape.clear();
      result.value.kind = PickledValue::Kind::list;
      result.items = data.items;
      return result;
    }
    expect(data.kind == Kind::bytes || data.kind == Kind::text);
    const auto bytes = static_cast<std::int64_t>(data.text.size());
    require(count <= bytes && count * type.size == bytes, name_,
            text_of(count, " elements of ", type.size, " bytes, as the array's shape says"), text_of(bytes, " bytes"));
    result.value.kind = PickledValue::Kind::array;
    result.value.name = type.text;
    result.value.column_major = column_major;
    result.value.text = data.text;
    return result;
  }

  std::vector<std::int64_t> sizes(const Source& shape) const {
    expect(shape.kind == Kind::tuple && shape.items.size() <= 32);
    std::vector<std::int64_t> result;
    for (const Pickle::Id id : shape.items) {
      const Source& size = pickle_.at(id);
      expect(size.kind == Kind::integer && size.integer >= 0);
      result.push_back(size.integer);
    }
    return result;
  }

  std::int64_t product(const std::vector<std::int64_t>& shape) const {
    std::int64_t count = 1;
    for (const std::int64_t size : shape) expect(!__builtin_mul_overflow(count, size, &count));
    expect(count <= INT64_MAX >> 24);  // so that the number of bytes does not overflow
    return count;
  }

  // A dtype: called with its code, then told its byte order and that it has no fields.
  Dtype dtype_of(const Source& object) const {
    expect(object.kind == Kind::object && object.text == dtype_class && !object.items.empty());
    const Source& code = pickle_.at(object.items[0]);
    expect(code.kind == Kind::text && code.text.size() >= 1 && code.text.size() <= 16);
    if (code.text[0] == 'O') return {.text = "|O", .size = 8, .objects = true};
    const auto size = code.text.size() > 1 ? size_of(code.text) : std::nullopt;
    require(size.has_value(), name_, "arrays of numbers, texts or objects", text_of("dtype ", printable(code.text)));
    return {.text = byte_order(object) + code.text, .size = *size};
  }

  std::string byte_order(const Source& dtype) const {
    if (!dtype.state) return "|";
    const Source& state = pickle_.at(*dtype.state);
    expect(state.kind == Kind::tuple && state.items.size() >= 5);
    for (std::size_t i = 2; i < 5; ++i) expect(pickle_.at(state.items[i]).kind == Kind::none);
    const std::string& order = pickle_.at(state.items[1]).text;
    expect(order == "<" || order == ">" || order == "|" || order == "=");
    return order;
  }

  const Pickle& pickle_;
  const std::string& name_;
};

}  // namespace

bool is_global_of_numpy(std::string_view global) {
  return is_one_of(global, reconstructs) || is_one_of(global, scalars) || is_one_of(global, buffers) ||
         global == array_class || global == dtype_class;
}

std::optional<PickledArray> pickled_array(const Pickle& pickle, const Pickle::Value& object, const std::string& name) {
  const Reader reader(pickle, name);
  if (is_one_of(object.text, reconstructs)) return reader.reconstructed(object);
  if (is_one_of(object.text, buffers)) return reader.from_buffer(object);
  if (is_one_of(object.text, scalars)) return reader.scalar(object);
  return std::nullopt;
}

}  // namespace action_images
