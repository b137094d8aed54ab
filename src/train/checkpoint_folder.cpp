// SPDX-License-Identifier: Apache-2.0
#include "checkpoint_folder.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <caffe2/serialize/crc_alt.h>

#include <action_images/core/check.hpp>
#include <action_images/core/file.hpp>

namespace action_images {

namespace fs = std::filesystem;

namespace {

constexpr const char* where = "train::SavedCheckpoint";
constexpr const char* manifest_name = "manifest.json";
constexpr const char* prefix = "checkpoint-";
constexpr std::uint64_t largest_manifest = std::uint64_t{1} << 28;  // bytes

std::string hexadecimal(std::uint32_t value) {
  char text[9];
  std::snprintf(text, sizeof(text), "%08x", value);
  return text;
}

bool is_plain(const std::string& name) {
  return !name.empty() && name[0] != '.' && name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

bool starts_with(const std::string& text, const std::string& start) {
  return text.compare(0, start.size(), start) == 0;
}

}  // namespace

ListedFile listed(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  check<FormatError>(stream.good(), where, file.string(), "a readable file", std::strerror(errno));
  std::vector<char> buffer(std::size_t{8} << 20);
  ListedFile result;
  std::uint32_t crc = 0;
  while (stream.read(buffer.data(), static_cast<std::streamsize>(buffer.size())), stream.gcount() > 0) {
    crc = crc32_fast(buffer.data(), static_cast<std::size_t>(stream.gcount()), crc);
    result.bytes += static_cast<std::uint64_t>(stream.gcount());
  }
  check<FormatError>(stream.eof(), where, file.string(), "a readable file", "a failing read");
  result.crc32 = hexadecimal(crc);
  return result;
}

std::string crc32_text(const std::string& bytes) { return hexadecimal(crc32_fast(bytes.data(), bytes.size())); }

void write_manifest(const fs::path& folder, const nlohmann::json& manifest) {
  const nlohmann::json sealed{{"crc32", crc32_text(manifest.dump())}, {"manifest", manifest}};
  write_file(folder / manifest_name, sealed.dump(1) + "\n", "train::CheckpointStore");
}

nlohmann::json read_manifest(const fs::path& folder) {
  const fs::path file = folder / manifest_name;
  const auto sealed = nlohmann::json::parse(read_file(file, largest_manifest, where), nullptr, false);
  const bool is_sealed =
      sealed.is_object() && sealed.contains("crc32") && sealed["crc32"].is_string() && sealed.contains("manifest");
  check<FormatError>(is_sealed, where, file.string(), "a manifest", "other text");
  nlohmann::json manifest = sealed["manifest"];
  const std::string crc = crc32_text(manifest.dump());
  check<FormatError>(crc == sealed["crc32"], where, file.string(), text_of("the CRC-32 ", sealed["crc32"]), crc);
  const bool known = manifest.value("format", "") == "action-images-checkpoint" && manifest.value("version", 0) == 1;
  check<FormatError>(known, where, file.string(), "format action-images-checkpoint, version 1", "another");
  return manifest;
}

std::map<std::string, ListedFile> listed_files(const nlohmann::json& manifest, const fs::path& folder) {
  std::map<std::string, ListedFile> files;
  try {
    for (const auto& [name, file] : manifest.at("files").items()) {
      check<FormatError>(is_plain(name), where, (folder / manifest_name).string(), "plain names of files",
                         printable(name));
      files[name] = {file.at("bytes").get<std::uint64_t>(), file.at("crc32").get<std::string>()};
    }
  } catch (const nlohmann::json::exception& error) {
    throw FormatError(
        expected_text(where, (folder / manifest_name).string(), "files with bytes and crc32", error.what()));
  }
  return files;
}

std::string fault_of(const fs::path& folder, std::size_t share, std::size_t shares) {
  try {
    std::size_t number = 0;
    for (const auto& [name, promised] : listed_files(read_manifest(folder), folder)) {
      if (number++ % shares != share) continue;
      const ListedFile found = listed(folder / name);
      const auto text = [](const ListedFile& file) { return text_of(file.bytes, " bytes with CRC-32 ", file.crc32); };
      check<FormatError>(found.bytes == promised.bytes && found.crc32 == promised.crc32, where,
                         (folder / name).string(), text(promised), text(found));
    }
    return {};
  } catch (const std::exception& error) {
    return error.what();
  }
}

std::vector<std::pair<std::int64_t, fs::path>> checkpoint_folders(const fs::path& folder) {
  std::vector<std::pair<std::int64_t, fs::path>> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!starts_with(name, prefix) || !entry.is_directory(error)) continue;
    const char *first = name.data() + std::string(prefix).size(), *end = name.data() + name.size();
    std::int64_t step = 0;
    const auto parsed = std::from_chars(first, end, step);
    if (parsed.ec == std::errc() && parsed.ptr == end && step >= 0) found.emplace_back(step, entry.path());
  }
  std::sort(found.rbegin(), found.rend());
  return found;
}

void sync_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;  // some file systems do not offer it
  ::fsync(descriptor);
  ::close(descriptor);
}

fs::path partial_folder(const fs::path& folder, std::int64_t step) {
  return folder / ("partial-" + std::to_string(step));
}

void publish(const fs::path& partial, const fs::path& target) {
  sync_folder(partial);
  if (fs::exists(target) && ::renameat2(AT_FDCWD, partial.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0) {
    sync_folder(target.parent_path());
    fs::remove_all(partial);  // the old one
    return;
  }
  if (fs::exists(target)) remove_checkpoint(target);  // a file system that cannot exchange names
  fs::rename(partial, target);
  sync_folder(target.parent_path());
}

void remove_checkpoint(const fs::path& folder) {
  const fs::path removed = folder.parent_path() / ("removed-" + folder.filename().string());
  fs::remove_all(removed);
  fs::rename(folder, removed);
  fs::remove_all(removed);
}

void remove_leftovers(const fs::path& folder) {
  std::vector<fs::path> leftovers;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (starts_with(name, "partial-") || starts_with(name, std::string("removed-") + prefix))
      leftovers.push_back(entry.path());
  }
  for (const fs::path& leftover : leftovers) fs::remove_all(leftover);
}

}  // namespace action_images
