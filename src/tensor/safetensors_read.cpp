// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <optional>
#include <utility>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>
#include <action_images/tensor/safetensors.hpp>

#include "json_faults.hpp"
#include "mapped_file.hpp"
#include "safetensors_dtype.hpp"

namespace action_images {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");

namespace {

using Json = nlohmann::json;

constexpr std::uint64_t max_header_size = 100'000'000;
constexpr std::uint64_t length_size = 8;  // of the header's length at the file's start [byte]

// The start of a header's value, for messages.
std::string excerpt(const Json& value) { return value.dump().substr(0, 200); }

// a b, or nullopt if it is beyond every file.
std::optional<std::uint64_t> product(std::uint64_t a, std::uint64_t b) {
  std::uint64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result) || result > (std::uint64_t{1} << 62)) return std::nullopt;
  return result;
}

}  // namespace

// Reads and checks the header of one file.
class SafetensorsHeader {
 public:
  explicit SafetensorsHeader(SafetensorsFile& file) : file_(file) {}

  void read() {
    const Json header = parse();
    for (const auto& [name, entry] : header.items()) {
      if (name == "__metadata__") {
        read_metadata(entry);
      } else {
        file_.entries_.emplace(name, read_entry(name, entry));
      }
    }
    check_offsets();
  }

 private:
  // Throws unless the condition holds; `part` is the header or a tensor's name.
  template <typename Got>
  void require(bool condition, std::string_view part, std::string_view expected, const Got& got) const {
    check<FormatError>(condition, "tensor::SafetensorsFile", text_of(file_.path_.string(), ": ", part), expected, got);
  }

  Json parse() {
    const MappedFile& mapping = *file_.mapping_;
    require(mapping.size() >= length_size, "header", "at least 8 bytes in the file", mapping.size());
    std::uint64_t length = 0;
    std::memcpy(&length, mapping.data(), length_size);
    require(length <= max_header_size, "header", "at most 100000000 bytes", length);
    require(length <= mapping.size() - length_size, "header", "a header inside the file", length);
    const auto* const text = reinterpret_cast<const char*>(mapping.data() + length_size);
    require(length > 0 && text[0] == '{', "header", "a JSON object", "other text");
    data_begin_ = length_size + length;

    JsonFaults faults;
    const Json header = Json::parse(text, text + length, std::ref(faults), /*allow_exceptions=*/false);
    require(header.is_object(), "header", "a JSON object", "text that is not JSON");
    require(faults.duplicate().empty(), "header", "every name once", faults.duplicate());
    require(!faults.nested(), "header", "two levels of objects", "more");
    return header;
  }

  void read_metadata(const Json& metadata) {
    require(metadata.is_object(), "__metadata__", "an object of texts", metadata.type_name());
    for (const auto& [key, value] : metadata.items()) {
      require(value.is_string(), "__metadata__", "an object of texts", value.type_name());
      file_.metadata_.emplace(key, value.get<std::string>());
    }
  }

  SafetensorsFile::Entry read_entry(const std::string& name, const Json& entry) const {
    const bool complete = entry.is_object() && entry.size() == 3 && entry.contains("dtype") &&
                          entry.contains("shape") && entry.contains("data_offsets");
    require(complete, name, "dtype, shape and data_offsets", "another entry");
    const auto dtype = dtype_of(entry["dtype"].is_string() ? entry["dtype"].get<std::string>() : std::string());
    require(dtype.has_value(), name, safetensors_dtypes_text, excerpt(entry["dtype"]));
    const auto offsets = read_numbers(name, entry["data_offsets"]);
    require(offsets.size() == 2 && offsets[0] <= offsets[1], name, "data_offsets [begin, end]",
            excerpt(entry["data_offsets"]));
    require(offsets[1] <= file_.mapping_->size() - data_begin_, name, "data inside the file",
            excerpt(entry["data_offsets"]));
    const auto shape = read_numbers(name, entry["shape"]);
    require(byte_size(shape, *dtype) == offsets[1] - offsets[0], name, "data of the shape's size", excerpt(entry));
    return {*dtype, {shape.begin(), shape.end()}, data_begin_ + offsets[0], data_begin_ + offsets[1]};
  }

  std::vector<std::uint64_t> read_numbers(const std::string& name, const Json& list) const {
    const auto is_number = [](const Json& item) { return item.is_number_unsigned(); };
    require(list.is_array() && std::all_of(list.begin(), list.end(), is_number), name, "lists of whole numbers",
            excerpt(list));
    return list.get<std::vector<std::uint64_t>>();
  }

  // nullopt if the size, or a partial product that the shape's strides need, overflows.
  static std::optional<std::uint64_t> byte_size(const std::vector<std::uint64_t>& shape, at::ScalarType dtype) {
    std::optional<std::uint64_t> strides = c10::elementSize(dtype);
    std::optional<std::uint64_t> size = strides;
    for (const std::uint64_t axis : shape) {
      strides = product(*strides, std::max<std::uint64_t>(axis, 1));
      if (!strides) return std::nullopt;
      size = *size * axis;
    }
    return size;
  }

  // The tensors must fill the file: no overlap, no gap, nothing after the last.
  void check_offsets() const {
    std::vector<std::pair<std::pair<std::uint64_t, std::uint64_t>, std::string>> order;
    for (const auto& [name, entry] : file_.entries_) order.push_back({{entry.begin, entry.end}, name});
    std::sort(order.begin(), order.end());
    std::uint64_t end = data_begin_;
    for (const auto& [range, name] : order) {
      require(range.first >= end, name, "data that no other tensor has", "an overlap");
      require(range.first == end, name, "data that begins where the last tensor's ends", "a gap");
      end = range.second;
    }
    require(end == file_.mapping_->size(), "data", "tensors up to the file's end", "bytes that belong to none");
  }

  SafetensorsFile& file_;
  std::uint64_t data_begin_ = 0;
};

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : path_(path), mapping_(std::make_shared<MappedFile>(path)) {
  SafetensorsHeader(*this).read();
}

std::vector<std::string> SafetensorsFile::names() const {
  std::vector<std::string> names;
  for (const auto& entry : entries_) names.push_back(entry.first);
  return names;
}

at::Tensor SafetensorsFile::tensor(const std::string& name) const {
  constexpr const char* where = "tensor::SafetensorsFile::tensor";
  const auto found = entries_.find(name);
  check(found != entries_.end(), where, "name", text_of("a tensor of ", path_.string()), name);
  const Entry& entry = found->second;
  std::uint8_t* const data = mapping_->data() + entry.begin;
  if (entry.dtype == at::kBool) {
    const bool valid = std::all_of(data, data + (entry.end - entry.begin), [](std::uint8_t byte) { return byte <= 1; });
    check<FormatError>(valid, where, text_of(path_.string(), ": ", name), "bytes 0 and 1", "others");
  }
  const bool aligned = reinterpret_cast<std::uintptr_t>(data) % c10::elementSize(entry.dtype) == 0;
  if (entry.begin == entry.end || !aligned) {
    at::Tensor copy = at::empty(entry.shape, entry.dtype);
    if (entry.begin != entry.end) std::memcpy(copy.data_ptr(), data, entry.end - entry.begin);
    return copy;
  }
  return at::from_blob(
      data, entry.shape, [mapping = mapping_](void*) {}, at::TensorOptions(entry.dtype));
}

TensorMap load_safetensors(const std::filesystem::path& path) {
  const SafetensorsFile file(path);
  TensorMap tensors;
  for (const auto& name : file.names()) tensors.emplace(name, file.tensor(name));
  return tensors;
}

}  // namespace action_images
