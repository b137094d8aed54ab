// SPDX-License-Identifier: Apache-2.0
#include "torch_storages.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>

namespace action_images {

namespace {

using Kind = Pickle::Kind;
using Value = Pickle::Value;

struct NamedDtype {
  std::string_view name;
  at::ScalarType dtype;
};

constexpr std::array<NamedDtype, 10> storage_types = {{
    {"torch DoubleStorage", at::kDouble},
    {"torch FloatStorage", at::kFloat},
    {"torch HalfStorage", at::kHalf},
    {"torch BFloat16Storage", at::kBFloat16},
    {"torch LongStorage", at::kLong},
    {"torch IntStorage", at::kInt},
    {"torch ShortStorage", at::kShort},
    {"torch CharStorage", at::kChar},
    {"torch ByteStorage", at::kByte},
    {"torch BoolStorage", at::kBool},
}};

constexpr std::array<NamedDtype, 15> dtypes = {{
    {"torch float64", at::kDouble},
    {"torch float32", at::kFloat},
    {"torch float16", at::kHalf},
    {"torch bfloat16", at::kBFloat16},
    {"torch float8_e4m3fn", at::kFloat8_e4m3fn},
    {"torch float8_e5m2", at::kFloat8_e5m2},
    {"torch int64", at::kLong},
    {"torch int32", at::kInt},
    {"torch int16", at::kShort},
    {"torch int8", at::kChar},
    {"torch uint64", at::kUInt64},
    {"torch uint32", at::kUInt32},
    {"torch uint16", at::kUInt16},
    {"torch uint8", at::kByte},
    {"torch bool", at::kBool},
}};

constexpr std::string_view untyped_storage = "torch.storage UntypedStorage";
constexpr std::string_view ordered_dict = "collections OrderedDict";
constexpr std::string_view from_type = "torch._tensor _rebuild_from_type_v2";
constexpr std::string_view parameter = "torch._utils _rebuild_parameter";
constexpr std::string_view parameter_with_state = "torch._utils _rebuild_parameter_with_state";
constexpr std::string_view tensor_v1 = "torch._utils _rebuild_tensor";
constexpr std::string_view tensor_v2 = "torch._utils _rebuild_tensor_v2";
constexpr std::string_view tensor_v3 = "torch._utils _rebuild_tensor_v3";

// Called, or only named, in a pickle of tensors and plain values.
const std::set<std::string_view>& plain_globals() {
  static const std::set<std::string_view> names = {untyped_storage,
                                                   ordered_dict,
                                                   from_type,
                                                   parameter,
                                                   parameter_with_state,
                                                   tensor_v1,
                                                   tensor_v2,
                                                   tensor_v3,
                                                   "torch UntypedStorage",
                                                   "torch Size",
                                                   "torch device",
                                                   "torch Tensor",
                                                   "torch.nn.parameter Parameter",
                                                   "_codecs encode",
                                                   "__builtin__ set",
                                                   "builtins set",
                                                   "__builtin__ frozenset",
                                                   "builtins frozenset"};
  return names;
}

template <std::size_t N>
std::optional<at::ScalarType> find(const std::array<NamedDtype, N>& names, std::string_view name) {
  const auto found = std::find_if(names.begin(), names.end(), [&](const auto& entry) { return entry.name == name; });
  return found == names.end() ? std::nullopt : std::optional(found->dtype);
}

bool is_known(std::string_view global) {
  return plain_globals().count(global) > 0 || find(storage_types, global) || find(dtypes, global);
}

template <typename Got>
void require(bool condition, const std::string& file, std::string_view part, std::string_view expected,
             const Got& got) {
  check<FormatError>(condition, "tensor::TorchFile", text_of(file, ": ", part), expected, got);
}

std::vector<std::int64_t> whole_numbers(const Pickle& pickle, const Value& tuple, const std::string& file) {
  std::vector<std::int64_t> numbers;
  for (const Pickle::Id id : tuple.items) {
    const Value& item = pickle.at(id);
    require(item.kind == Kind::integer && item.integer >= 0, file, "tensor", "whole numbers of at least 0", "others");
    numbers.push_back(item.integer);
  }
  return numbers;
}

// One past the last element that a view touches; nullopt if that is beyond every storage.
std::optional<std::int64_t> view_end(std::int64_t offset, const std::vector<std::int64_t>& sizes,
                                     const std::vector<std::int64_t>& strides) {
  std::int64_t last = offset;
  for (std::size_t axis = 0; axis < sizes.size(); ++axis) {
    std::int64_t step = 0;
    if (__builtin_mul_overflow(sizes[axis] - 1, strides[axis], &step)) return std::nullopt;
    if (__builtin_add_overflow(last, step, &last)) return std::nullopt;
  }
  return last == INT64_MAX ? std::nullopt : std::optional(last + 1);
}

// Number of values; nullopt if it overflows.
std::optional<std::int64_t> product(const std::vector<std::int64_t>& sizes) {
  std::int64_t values = 1;
  for (const std::int64_t size : sizes) {
    if (__builtin_mul_overflow(values, std::max<std::int64_t>(size, 1), &values)) return std::nullopt;
  }
  const bool empty = std::find(sizes.begin(), sizes.end(), 0) != sizes.end();
  return empty ? 0 : values;
}

}  // namespace

TorchStorages::TorchStorages(std::shared_ptr<MappedFile> mapping, const ZipArchive& archive, std::string root,
                             std::string file)
    : mapping_(std::move(mapping)), archive_(archive), root_(std::move(root)), file_(std::move(file)) {}

Pickle::Meaning TorchStorages::meaning() {
  return {
      .global =
          [this](const std::string& name) {
            require(is_known(name), file_, "data.pkl", "tensors, numbers, texts and their containers only",
                    text_of("the global ", printable(name, 200)));
          },
      .call = [this](const Pickle& pickle, const Value& function,
                     const Value& arguments) { return call(pickle, function, arguments); },
      .persistent = [this](const Pickle& pickle, const Value& id) { return storage(pickle, id); },
  };
}

// A persistent id is ("storage", type, key, location, number of elements).
Value TorchStorages::storage(const Pickle& pickle, const Value& id) {
  const bool tuple = id.kind == Kind::tuple && id.items.size() == 5;
  require(tuple, file_, "data.pkl", "storages as torch.save names them", "another persistent id");
  const Value &tag = pickle.at(id.items[0]), &type = pickle.at(id.items[1]), &key = pickle.at(id.items[2]);
  const Value& count = pickle.at(id.items[4]);
  const bool kinds = tag.kind == Kind::text && tag.text == "storage" && type.kind == Kind::global &&
                     key.kind == Kind::text && count.kind == Kind::integer && count.integer >= 0;
  require(kinds, file_, "data.pkl", "storages as torch.save names them", "another persistent id");
  const bool untyped = type.text == untyped_storage || type.text == "torch UntypedStorage";
  const auto dtype = untyped ? std::optional(at::kByte) : find(storage_types, type.text);
  require(dtype.has_value(), file_, text_of("storage ", printable(key.text)), "a type of storage",
          printable(type.text, 100));
  return {
      .kind = Kind::storage, .text = key.text, .tensor = elements(key.text, *dtype, count.integer), .untyped = untyped};
}

at::Tensor TorchStorages::elements(const std::string& key, at::ScalarType dtype, std::int64_t count) {
  const std::string part = text_of("storage ", printable(key));
  if (const auto found = elements_.find(key); found != elements_.end()) {
    const bool same = found->second.scalar_type() == dtype && found->second.numel() == count;
    require(same, file_, part, "one type and size", "several");
    return found->second;
  }
  const auto record = archive_.entries().find(root_ + "data/" + key);
  require(record != archive_.entries().end(), file_, part, "a record in the archive", "none");
  const auto width = static_cast<std::uint64_t>(c10::elementSize(dtype));
  const std::uint64_t begin = record->second.begin, size = record->second.size;
  const bool fits = size % width == 0 && size / width == static_cast<std::uint64_t>(count);
  require(fits, file_, part, text_of(count, " elements of ", width, " bytes"), text_of(size, " bytes"));
  std::uint8_t* const data = mapping_->data() + begin;
  if (dtype == at::kBool) {
    const bool valid = std::all_of(data, data + size, [](std::uint8_t byte) { return byte <= 1; });
    require(valid, file_, part, "bytes 0 and 1", "others");
  }
  // Aligned for every dtype, since an untyped storage may be seen as any; torch.save aligns to 64 bytes.
  const bool aligned = reinterpret_cast<std::uintptr_t>(data) % sizeof(double) == 0;
  at::Tensor values;
  if (count == 0 || !aligned) {
    values = at::empty({count}, dtype);
    if (count > 0) std::memcpy(values.data_ptr(), data, size);
  } else {
    values = at::from_blob(
        data, {count}, [mapping = mapping_](void*) {}, at::TensorOptions(dtype));
  }
  return elements_.emplace(key, values).first->second;
}

Value TorchStorages::call(const Pickle& pickle, const Value& function, const Value& arguments) const {
  const std::string& name = function.text;
  const auto& items = arguments.items;
  const auto argument = [&](std::size_t index, Kind kind) -> const Value& {
    const bool there = index < items.size() && pickle.at(items[index]).kind == kind;
    require(there, file_, "data.pkl", text_of("the arguments of ", name), "others");
    return pickle.at(items[index]);
  };
  if (name == ordered_dict) {
    require(items.empty(), file_, "data.pkl", "an OrderedDict that is filled item by item", "arguments");
    return {.kind = Kind::dict};
  }
  if (name == tensor_v1 || name == tensor_v2) {
    require(!argument(0, Kind::storage).untyped, file_, "data.pkl", "a typed storage", "an untyped one");
    return {.kind = Kind::tensor, .tensor = rebuild(pickle, items, std::nullopt)};
  }
  if (name == tensor_v3) {
    require(argument(0, Kind::storage).untyped, file_, "data.pkl", "an untyped storage", "a typed one");
    const auto dtype = find(dtypes, argument(6, Kind::global).text);
    require(dtype.has_value(), file_, "data.pkl", "a dtype", printable(argument(6, Kind::global).text));
    return {.kind = Kind::tensor, .tensor = rebuild(pickle, items, dtype)};
  }
  if (name == parameter || name == parameter_with_state) {
    return {.kind = Kind::tensor, .tensor = argument(0, Kind::tensor).tensor};
  }
  if (name == from_type) {  // (function, type, arguments, attributes)
    const Value& inner = argument(0, Kind::global);
    require(inner.text != from_type, file_, "data.pkl", "a function that rebuilds a tensor", printable(inner.text));
    return call(pickle, inner, argument(2, Kind::tuple));
  }
  return {.kind = Kind::other};  // a size, a device, a set: not looked at
}

// arguments: storage, offset, sizes, strides, ...
at::Tensor TorchStorages::rebuild(const Pickle& pickle, const std::vector<Pickle::Id>& arguments,
                                  std::optional<at::ScalarType> dtype) const {
  constexpr std::array<Kind, 4> kinds = {Kind::storage, Kind::integer, Kind::tuple, Kind::tuple};
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const bool there = i < arguments.size() && pickle.at(arguments[i]).kind == kinds[i];
    require(there, file_, "tensor", "a storage, an offset, sizes and strides", "others");
  }
  const Value& storage = pickle.at(arguments[0]);
  const std::string part = text_of("a tensor of storage ", printable(storage.text));
  const std::int64_t offset = pickle.at(arguments[1]).integer;
  const auto sizes = whole_numbers(pickle, pickle.at(arguments[2]), file_);
  const auto strides = whole_numbers(pickle, pickle.at(arguments[3]), file_);
  require(sizes.size() == strides.size() && sizes.size() <= 64, file_, part, "a stride for each of at most 64 sizes",
          strides.size());
  at::Tensor elements = storage.tensor;
  if (dtype) {
    const std::int64_t width = static_cast<std::int64_t>(c10::elementSize(*dtype));
    require(elements.numel() % width == 0, file_, part, text_of("elements of ", width, " bytes"), elements.numel());
    const bool valid = *dtype != at::kBool || elements.le(1).all().item<bool>();
    require(valid, file_, part, "bytes 0 and 1", "others");
    elements = elements.view(*dtype);
  }
  const auto values = product(sizes);
  const auto end = values == 0 ? std::optional(offset) : view_end(offset, sizes, strides);
  const bool inside = offset >= 0 && values && end && *end <= elements.numel();
  require(inside, file_, part, text_of("data inside its ", elements.numel(), " elements"),
          text_of(shape_text(sizes), " with strides ", shape_text(strides), " from ", offset));
  require(*values <= elements.numel(), file_, part, "at most the values of its storage", shape_text(sizes));
  return elements.as_strided(sizes, strides, offset);
}

}  // namespace action_images
