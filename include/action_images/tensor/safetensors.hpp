// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <action_images/tensor/tensor_map.hpp>

namespace action_images {

class MappedFile;

/// A safetensors file mapped into memory: opening it reads and checks its header, not its numbers.
///
/// dtypes: F64 F32 F16 BF16 F8_E4M3 F8_E5M2 I64 I32 I16 I8 U64 U32 U16 U8 BOOL. Everything that the format promises is
/// checked before the first tensor is made: the header's size (at most 100 MB) and text, duplicate names, shapes that
/// overflow, and data offsets, which must cover the file without gaps or overlaps.
class SafetensorsFile {
 public:
  using Metadata = std::map<std::string, std::string>;

  /// @throws FormatError naming the file, and the tensor where it is one's fault, if the file cannot be read or does
  ///         not keep the format.
  explicit SafetensorsFile(const std::filesystem::path& path);

  /// Names of all tensors, sorted.
  std::vector<std::string> names() const;

  bool contains(const std::string& name) const { return entries_.count(name) > 0; }

  /// The header's free texts ("__metadata__").
  const Metadata& metadata() const { return metadata_; }

  /// The tensor without a copy: it keeps the mapping alive, and writing to it changes this process's memory only.
  /// (A tensor that lies unaligned in the file is copied.)
  /// @throws ValueError if there is no tensor of that name; FormatError if a BOOL tensor holds other bytes than 0
  /// and 1.
  at::Tensor tensor(const std::string& name) const;

  /// The file in memory, for those who look after its pages.
  const std::shared_ptr<MappedFile>& mapping() const { return mapping_; }

 private:
  struct Entry {
    at::ScalarType dtype;
    std::vector<std::int64_t> shape;
    std::uint64_t begin;  // offsets in the file [byte]
    std::uint64_t end;
  };
  friend class SafetensorsHeader;

  std::filesystem::path path_;
  std::shared_ptr<MappedFile> mapping_;
  std::map<std::string, Entry> entries_;
  Metadata metadata_;
};

/// Every tensor of a file, mapped and not copied.
/// @throws FormatError as SafetensorsFile.
TensorMap load_safetensors(const std::filesystem::path& path);

/// Writes tensors of any device and stride. The file appears complete or not at all (temporary file, fsync, rename),
/// and every tensor lies at a multiple of its item size.
/// @throws ValueError on an undefined tensor, a dtype without a name in the format, or the name "__metadata__";
///         FormatError if the file cannot be written.
void save_safetensors(const std::filesystem::path& path, const TensorMap& tensors,
                      const SafetensorsFile::Metadata& metadata = {});

/// A tensor that is made when it is written.
struct TensorSource {
  at::ScalarType dtype = at::kFloat;
  std::vector<std::int64_t> shape = {};
  std::function<at::Tensor()> make = {};  ///< called once; its tensor, of that dtype and shape, is dropped when written
};

/// Writes tensors that are made one by one, so that no more than one of them is in memory.
///
/// With `shard_bytes` and more than that of data they go into shards "stem-00001-of-0000N.safetensors" of at most that
/// size (or one tensor) beside "stem.safetensors.index.json". All files appear together when the last one is written,
/// or none does: whatever `make` throws is passed on.
/// @param path  of the file; with shards, of what "stem.safetensors" would be.
/// @return the files, the index last.
/// @throws as save_safetensors; ValueError also if a tensor is not as its source says.
std::vector<std::filesystem::path> write_safetensors(const std::filesystem::path& path,
                                                     const std::map<std::string, TensorSource>& sources,
                                                     const SafetensorsFile::Metadata& metadata = {},
                                                     std::optional<std::uint64_t> shard_bytes = std::nullopt);

}  // namespace action_images
