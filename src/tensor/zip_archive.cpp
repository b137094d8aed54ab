// SPDX-License-Identifier: Apache-2.0
#include "zip_archive.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include <action_images/core/check.hpp>

#include "byte_cursor.hpp"

namespace action_images {

namespace {

// PKWARE's APPNOTE.TXT, sections 4.3.7 to 4.3.16.
constexpr std::uint32_t local_signature = 0x04034b50;
constexpr std::uint32_t entry_signature = 0x02014b50;
constexpr std::uint32_t end_signature = 0x06054b50;
constexpr std::uint32_t end64_signature = 0x06064b50;
constexpr std::uint32_t locator64_signature = 0x07064b50;
constexpr std::uint64_t local_size = 30, entry_size = 46, end_size = 22, locator64_size = 20;
constexpr std::uint64_t longest_comment = 0xffff;
constexpr std::uint16_t zip64_field = 1, encrypted_flag = 1, deflated_method = 8;
constexpr std::uint32_t in_zip64 = 0xffffffff;  // a size or offset that stands in the zip64 field instead

struct Directory {
  std::uint64_t begin;
  std::uint64_t size;
  std::uint64_t entries;
};

struct Header {
  std::string name;
  std::uint16_t flags, method;
  std::uint64_t packed_size, size, local_begin;
};

// Reads the directory of one file.
class DirectoryReader {
 public:
  DirectoryReader(std::span<const std::uint8_t> bytes, const std::string& file, ZipArchive::Packing packing)
      : bytes_(bytes), file_(file), packing_(packing) {}

  std::map<std::string, ZipArchive::Entry> read() {
    const Directory directory = find();
    ByteCursor cursor(bytes_.subspan(directory.begin, directory.size));
    std::map<std::string, ZipArchive::Entry> entries;
    for (std::uint64_t i = 0; i < directory.entries; ++i) {
      const Header header = read_header(cursor);
      require(header.local_begin < directory.begin, header.name, "data before the directory", header.local_begin);
      const ZipArchive::Entry entry = locate(header, directory.begin);
      require(entries.emplace(header.name, entry).second, "directory", "every name once", printable(header.name, 100));
    }
    require(cursor.left() == 0, "directory", text_of(directory.entries, " entries"), "more bytes");
    check_overlaps();
    return entries;
  }

 private:
  template <typename Got>
  void require(bool condition, const std::string& part, std::string_view expected, const Got& got) const {
    check<FormatError>(condition, "tensor::TorchFile", text_of(file_, ": ", printable(part, 200)), expected, got);
  }

  // A number that the file must have here.
  template <typename Number>
  Number next(ByteCursor& cursor, const std::string& part) const {
    const auto number = cursor.number<Number>();
    require(number.has_value(), part, "a complete record of a zip file", "its end");
    return *number;
  }

  std::uint32_t signature_at(std::uint64_t position) const {
    return ByteCursor(bytes_, position).number<std::uint32_t>().value_or(0);
  }

  std::optional<std::uint64_t> find_end() const {
    if (bytes_.size() < end_size) return std::nullopt;
    const std::uint64_t last = bytes_.size() - end_size;
    const std::uint64_t first = last - std::min(last, longest_comment);
    for (std::uint64_t position = last + 1; position-- > first;) {
      if (signature_at(position) != end_signature) continue;
      const auto comment = ByteCursor(bytes_, position + end_size - 2).number<std::uint16_t>();
      if (comment && position + end_size + *comment == bytes_.size()) return position;
    }
    return std::nullopt;
  }

  Directory find() const {
    const auto end = find_end();
    require(end.has_value(), "end", "a zip file's directory", "none: the file is cut short or damaged");
    ByteCursor cursor(bytes_, *end + 4);
    const bool one_disk = next<std::uint16_t>(cursor, "end") == 0 && next<std::uint16_t>(cursor, "end") == 0;
    next<std::uint16_t>(cursor, "end");
    const std::uint64_t entries = next<std::uint16_t>(cursor, "end");
    const std::uint64_t size = next<std::uint32_t>(cursor, "end");
    const std::uint64_t begin = next<std::uint32_t>(cursor, "end");
    const bool has_locator = *end >= locator64_size && signature_at(*end - locator64_size) == locator64_signature;
    if (has_locator) return checked(find64(*end - locator64_size), *end);
    require(one_disk, "end", "one file", "a part of several");
    return checked({begin, size, entries}, *end);
  }

  Directory find64(std::uint64_t locator) const {
    ByteCursor at_locator(bytes_, locator + 8);
    const auto position = next<std::uint64_t>(at_locator, "zip64 end");
    require(position < locator && signature_at(position) == end64_signature, "zip64 end", "the record it points to",
            "something else");
    ByteCursor cursor(bytes_, position + 24);
    next<std::uint64_t>(cursor, "zip64 end");  // the entries on this disk
    const auto entries = next<std::uint64_t>(cursor, "zip64 end");
    const auto size = next<std::uint64_t>(cursor, "zip64 end");
    return {next<std::uint64_t>(cursor, "zip64 end"), size, entries};
  }

  Directory checked(const Directory& directory, std::uint64_t end) const {
    const bool inside = directory.begin <= end && directory.size <= end - directory.begin;
    require(inside, "directory", "a place inside the file", directory.begin);
    require(directory.entries <= directory.size / entry_size, "directory", "room for its entries", directory.entries);
    return directory;
  }

  Header read_header(ByteCursor& cursor) const {
    const std::string part = "directory";
    require(next<std::uint32_t>(cursor, part) == entry_signature, part, "an entry", "something else");
    Header header;
    cursor.take(4);  // versions
    header.flags = next<std::uint16_t>(cursor, part);
    header.method = next<std::uint16_t>(cursor, part);
    cursor.take(8);  // time, date, checksum
    header.packed_size = next<std::uint32_t>(cursor, part);
    header.size = next<std::uint32_t>(cursor, part);
    const auto name_size = next<std::uint16_t>(cursor, part);
    const auto extra_size = next<std::uint16_t>(cursor, part);
    const auto comment_size = next<std::uint16_t>(cursor, part);
    cursor.take(8);  // disk, attributes
    header.local_begin = next<std::uint32_t>(cursor, part);
    const auto name = cursor.text(name_size);
    const auto extra = cursor.take(extra_size);
    require(name && extra && cursor.take(comment_size), part, "a complete entry", "its end");
    header.name = *name;
    read_zip64(*extra, header);
    return header;
  }

  // Replaces the sizes and the offset that did not fit into 32 bits.
  void read_zip64(std::span<const std::uint8_t> extra, Header& header) const {
    ByteCursor cursor(extra);
    while (cursor.left() >= 4) {
      const auto kind = next<std::uint16_t>(cursor, header.name);
      const auto field = cursor.take(next<std::uint16_t>(cursor, header.name));
      require(field.has_value(), header.name, "complete extra fields", "their end");
      if (kind != zip64_field) continue;
      ByteCursor values(*field);
      for (std::uint64_t* value : {&header.size, &header.packed_size, &header.local_begin}) {
        if (*value == in_zip64) *value = next<std::uint64_t>(values, header.name);
      }
    }
  }

  // Where the data is: behind the entry's local header, which repeats the name.
  ZipArchive::Entry locate(const Header& header, std::uint64_t directory_begin) {
    const bool is_packed = header.method == deflated_method && packing_ == ZipArchive::Packing::deflated;
    require(header.method == 0 || is_packed, header.name, "stored data", "compressed data, which torch.save does not write");
    require((header.flags & encrypted_flag) == 0, header.name, "stored data", "encrypted data");
    require(is_packed || header.packed_size == header.size, header.name, "stored data of one size", header.packed_size);
    ByteCursor cursor(bytes_, header.local_begin);
    const auto signature = next<std::uint32_t>(cursor, header.name);
    require(signature == local_signature, header.name, "a local header", "something else");
    cursor.take(22);
    const auto name_size = next<std::uint16_t>(cursor, header.name);
    const auto extra_size = next<std::uint16_t>(cursor, header.name);
    const auto name = cursor.text(name_size);
    require(name && *name == header.name, header.name, "the same name at the data", "another one");
    const std::uint64_t begin = header.local_begin + local_size + name_size + extra_size;
    const bool inside = begin <= directory_begin && header.packed_size <= directory_begin - begin;
    require(inside, header.name, "data before the directory", text_of(header.packed_size, " bytes at ", begin));
    places_.push_back({{header.local_begin, begin + header.packed_size}, header.name});
    return {begin, header.packed_size, is_packed, header.size};
  }

  void check_overlaps() {
    std::sort(places_.begin(), places_.end());
    for (std::size_t i = 1; i < places_.size(); ++i) {
      const bool apart = places_[i - 1].first.second <= places_[i].first.first;
      require(apart, places_[i].second, "data that no other entry has", "an overlap");
    }
  }

  std::span<const std::uint8_t> bytes_;
  const std::string& file_;
  ZipArchive::Packing packing_;
  std::vector<std::pair<std::pair<std::uint64_t, std::uint64_t>, std::string>> places_;
};

}  // namespace

ZipArchive::ZipArchive(std::span<const std::uint8_t> bytes, const std::string& file, Packing packing)
    : bytes_(bytes), entries_(DirectoryReader(bytes, file, packing).read()) {}

bool ZipArchive::recognises(std::span<const std::uint8_t> bytes) {
  return ByteCursor(bytes).number<std::uint32_t>() == local_signature;
}

}  // namespace action_images
