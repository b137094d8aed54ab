// SPDX-License-Identifier: Apache-2.0
#include "npy.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <utility>

#if __has_include(<xtensor/io/xnpy.hpp>)
#include <xtensor/io/xnpy.hpp>
#else
#include <xtensor/xnpy.hpp>
#endif

#ifdef ACTION_IMAGES_WITH_ZLIB
#include <zlib.h>
#endif

#include <action_images/core/check.hpp>
#include <action_images/core/file.hpp>

#include "../tensor/zip_archive.hpp"

namespace action_images {
namespace {

constexpr std::uint64_t max_bytes = std::uint64_t{1} << 30;
constexpr std::size_t max_header = 4096, max_axes = 8;

// What the header of an array says, looked at before xtensor reads it: sizes are bounded by the bytes that there are.
struct Header {
  std::string dtype;  // such as "<f8"
  std::vector<std::int64_t> shape;
  std::int64_t count = 1;
  std::size_t data_begin = 0;
};

struct Source {
  std::string_view bytes;
  const std::string& name;
  std::string_view where;

  template <typename Got>
  void require(bool condition, std::string_view expected, const Got& got) const {
    check<FormatError>(condition, where, name, expected, got);
  }
};

std::string_view header_text(const Source& source, std::size_t& data_begin) {
  constexpr std::string_view magic = "\x93NUMPY";
  const std::string_view bytes = source.bytes;
  source.require(bytes.size() >= 12 && bytes.starts_with(magic), "an array of NumPy", "something else");
  const int version = bytes[6];
  source.require(version == 1 || version == 2, "version 1 or 2 of NumPy's format", version);
  std::uint32_t size = 0;
  std::memcpy(&size, bytes.data() + 8, version == 1 ? 2 : 4);
  const std::size_t begin = version == 1 ? 10 : 12;
  source.require(size <= max_header && begin + size <= bytes.size(), "a complete header", size);
  data_begin = begin + size;
  return bytes.substr(begin, size);
}

Header read_header(const Source& source) {
  static const std::regex form(
      R"(\{ *'descr': *'([<|=]?[a-zA-Z][0-9]*)', *'fortran_order': *(True|False), *'shape': *\(([0-9, ]*)\) *,? *\} *\n)");
  std::size_t data_begin = 0;
  const std::string text(header_text(source, data_begin));
  std::smatch parts;
  source.require(std::regex_match(text, parts, form), "an array of plain numbers", printable(text, 100));
  Header header{.dtype = parts[1], .shape = {}};
  std::stringstream sizes(parts[3].str());
  for (std::string size; std::getline(sizes, size, ',');) {
    if (size.find_first_not_of(' ') == std::string::npos) continue;
    source.require(size.size() <= 9 && header.shape.size() < max_axes, "a shape of at most 8 axes",
                   printable(text, 100));
    header.shape.push_back(std::stoll(size));
    header.count *= header.shape.back();
    source.require(header.count <= static_cast<std::int64_t>(max_bytes), "at most 1 GiB", printable(text, 100));
  }
  header.data_begin = data_begin;
  return header;
}

template <typename Number>
std::vector<double> values_of(const Source& source) {
  std::istringstream stream{std::string(source.bytes)};
  const auto array = xt::load_npy<Number>(stream);
  return {array.template begin<xt::layout_type::row_major>(), array.template end<xt::layout_type::row_major>()};
}

// The kinds of numbers that are read.
struct NumberType {
  std::string_view name;
  std::size_t size;
  std::vector<double> (*read)(const Source&);
};

constexpr std::array<NumberType, 5> number_types{{{"<f8", 8, values_of<double>},
                                                  {"<f4", 4, values_of<float>},
                                                  {"<i8", 8, values_of<std::int64_t>},
                                                  {"<i4", 4, values_of<std::int32_t>},
                                                  {"|u1", 1, values_of<std::uint8_t>}}};

// nullopt for another kind.
std::optional<NpyArray> array_of(const Source& source) {
  const Header header = read_header(source);
  const auto type = std::find_if(number_types.begin(), number_types.end(),
                                 [&](const NumberType& known) { return known.name == header.dtype; });
  if (type == number_types.end()) return std::nullopt;
  const std::size_t left = source.bytes.size() - header.data_begin;
  source.require(static_cast<std::size_t>(header.count) * type->size <= left, "as many bytes as the shape says", left);
  if (header.count == 0) return NpyArray{header.shape, {}};
  try {
    return NpyArray{header.shape, type->read(source)};
  } catch (const std::runtime_error& error) {
    throw FormatError(expected_text(source.where, source.name, "an array of NumPy", error.what()));
  }
}

#ifdef ACTION_IMAGES_WITH_ZLIB
std::string unpacked(std::span<const std::uint8_t> packed, std::uint64_t size, const Source& source) {
  std::string bytes(size, '\0');
  z_stream stream{};
  check<FormatError>(inflateInit2(&stream, -MAX_WBITS) == Z_OK, source.where, source.name, "memory for zlib", "none");
  stream.next_in = const_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(bytes.data());
  stream.avail_out = static_cast<uInt>(bytes.size());
  const int status = inflate(&stream, Z_FINISH);
  const bool complete = status == Z_STREAM_END && stream.avail_out == 0;
  inflateEnd(&stream);
  source.require(complete, "undamaged compressed data", text_of("zlib's status ", status));
  return bytes;
}
#else
std::string unpacked(std::span<const std::uint8_t>, std::uint64_t, const Source& source) {
  source.require(false, "an array that is not compressed, as this build has no zlib", "a compressed one");
  return {};
}
#endif

}  // namespace

NpyArray read_npy(const std::filesystem::path& path, std::string_view where) {
  const std::string bytes = read_file(path, max_bytes, where);
  const std::string name = path.string();
  const Source source{bytes, name, where};
  auto array = array_of(source);
  source.require(array.has_value(), "float32, float64, int32, int64 or uint8", "another dtype");
  return std::move(*array);
}

std::map<std::string, NpyArray> read_npz(const std::filesystem::path& path, std::string_view where) {
  constexpr std::string_view ending = ".npy";
  const std::string file = read_file(path, max_bytes, where);
  const std::span<const std::uint8_t> all(reinterpret_cast<const std::uint8_t*>(file.data()), file.size());
  const ZipArchive archive(all, path.string(), ZipArchive::Packing::deflated);
  std::map<std::string, NpyArray> arrays;
  std::uint64_t total = 0;
  for (const auto& [entry_name, entry] : archive.entries()) {
    if (!entry_name.ends_with(ending)) continue;
    const std::string name = path.string() + ": " + printable(entry_name, 100);
    check<FormatError>(entry.unpacked_size <= max_bytes - total, where, name, "at most 1 GiB of arrays", "more");
    total += entry.unpacked_size;
    const auto data = archive.data(entry);
    const std::string_view stored(reinterpret_cast<const char*>(data.data()), data.size());
    const Source packed{stored, name, where};
    const std::string bytes = entry.is_packed ? unpacked(data, entry.unpacked_size, packed) : std::string();
    auto array = array_of({entry.is_packed ? std::string_view(bytes) : stored, name, where});
    if (array) arrays.emplace(entry_name.substr(0, entry_name.size() - ending.size()), std::move(*array));
  }
  return arrays;
}

}  // namespace action_images
