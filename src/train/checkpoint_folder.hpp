// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace action_images {

/// A file as a manifest lists it.
struct ListedFile {
  std::uint64_t bytes = 0;
  std::string crc32;  ///< eight hexadecimal digits
};

/// Size and CRC-32 of a file. @throws FormatError if it cannot be read.
ListedFile listed(const std::filesystem::path& file);

std::string crc32_text(const std::string& bytes);

/// {"crc32": of the text of "manifest", "manifest": {...}} as manifest.json.
void write_manifest(const std::filesystem::path& folder, const nlohmann::json& manifest);
/// @throws FormatError if it is absent, damaged, or no manifest of this version.
nlohmann::json read_manifest(const std::filesystem::path& folder);

/// The files of a manifest by name; the names are plain. @throws FormatError
std::map<std::string, ListedFile> listed_files(const nlohmann::json& manifest, const std::filesystem::path& folder);

/// What is wrong with the files of a folder, of which every `shares`-th is read, from number `share` on; empty:
/// nothing.
std::string fault_of(const std::filesystem::path& folder, std::size_t share, std::size_t shares);

/// Folders `checkpoint-<step>`, highest step first.
std::vector<std::pair<std::int64_t, std::filesystem::path>> checkpoint_folders(const std::filesystem::path& folder);

/// Brings a folder's names to the disk.
void sync_folder(const std::filesystem::path& folder);

/// Gives a folder its final name at once; one that has that name already is removed afterwards.
void publish(const std::filesystem::path& partial, const std::filesystem::path& target);

/// Removes a checkpoint so that it never looks complete while it is being removed.
void remove_checkpoint(const std::filesystem::path& folder);

/// Removes what killed processes left half written or half removed.
void remove_leftovers(const std::filesystem::path& folder);

std::filesystem::path partial_folder(const std::filesystem::path& folder, std::int64_t step);

}  // namespace action_images
