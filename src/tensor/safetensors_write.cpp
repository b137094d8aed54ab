// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>
#include <action_images/core/file.hpp>
#include <action_images/tensor/safetensors.hpp>

#include "safetensors_dtype.hpp"

namespace action_images {

namespace fs = std::filesystem;

namespace {

constexpr const char* where = "tensor::save_safetensors";

// A source with its place in a file.
struct Planned {
  std::string name;
  const TensorSource* source;
  std::uint64_t bytes;
};

using Shard = std::vector<Planned>;

std::uint64_t byte_size(const std::string& name, const TensorSource& source) {
  std::uint64_t bytes = c10::elementSize(source.dtype);
  for (const std::int64_t size : source.shape) {
    const bool fits = size >= 0 && !__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(size), &bytes);
    check(fits, where, name, "a shape of less than 2^64 bytes", shape_text(source.shape));
  }
  return bytes;
}

// Wide items first, so that every tensor lies at a multiple of its item size without gaps.
Shard ordered(const std::map<std::string, TensorSource>& sources) {
  Shard order;
  for (const auto& [name, source] : sources) {
    check(name != "__metadata__", where, "name", "another name than the reserved one", name);
    check(name_of(source.dtype).has_value(), where, name, safetensors_dtypes_text, at::toString(source.dtype));
    order.push_back({name, &source, byte_size(name, source)});
  }
  std::stable_sort(order.begin(), order.end(), [](const Planned& a, const Planned& b) {
    return c10::elementSize(a.source->dtype) > c10::elementSize(b.source->dtype);
  });
  return order;
}

std::vector<Shard> split(const Shard& order, std::optional<std::uint64_t> shard_bytes) {
  std::vector<Shard> shards(1);
  std::uint64_t filled = 0;
  for (const Planned& tensor : order) {
    if (shard_bytes && !shards.back().empty() && filled + tensor.bytes > *shard_bytes) {
      shards.emplace_back();
      filled = 0;
    }
    shards.back().push_back(tensor);
    filled += tensor.bytes;
  }
  return shards;
}

std::string text_from_json(const nlohmann::json& json, int indent = -1) {
  try {
    return json.dump(indent);
  } catch (const nlohmann::json::exception&) {
    throw ValueError(expected_text(where, "names and metadata", "UTF-8 text", "other bytes"));
  }
}

std::string header_of(const Shard& shard, const SafetensorsFile::Metadata& metadata) {
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  for (const auto& [name, source, bytes] : shard) {
    const std::uint64_t end = offset + bytes;
    header[name] = {{"dtype", *name_of(source->dtype)}, {"shape", source->shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = text_from_json(header);
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

at::Tensor made(const std::string& name, const TensorSource& source) {
  const at::Tensor tensor = source.make();
  check(tensor.defined(), where, name, "a tensor", "an undefined one");
  const bool promised = tensor.scalar_type() == source.dtype && tensor.sizes() == at::IntArrayRef(source.shape);
  check(promised, where, name, text_of(source.dtype, ' ', shape_text(source.shape)),
        text_of(tensor.scalar_type(), ' ', shape_text(tensor.sizes())));
  return tensor.detach().cpu().contiguous();
}

void write_shard(ReplacementFile& file, const Shard& shard, const SafetensorsFile::Metadata& metadata) {
  const std::string header = header_of(shard, metadata);
  const std::uint64_t length = header.size();
  file.write(&length, sizeof(length));
  file.write(header.data(), header.size());
  for (const auto& [name, source, bytes] : shard) {
    const at::Tensor values = made(name, *source);
    if (bytes > 0) file.write(values.data_ptr(), bytes);
  }
}

fs::path shard_path(const fs::path& path, std::size_t index, std::size_t count) {
  char number[32];
  std::snprintf(number, sizeof(number), "-%05zu-of-%05zu", index + 1, count);
  return path.parent_path() / (path.stem().string() + number + ".safetensors");
}

std::string index_text(const std::vector<Shard>& shards, const fs::path& path) {
  nlohmann::json map = nlohmann::json::object();
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    for (const Planned& tensor : shards[i]) {
      map[tensor.name] = shard_path(path, i, shards.size()).filename().string();
      total += tensor.bytes;
    }
  }
  return text_from_json({{"metadata", {{"total_size", total}}}, {"weight_map", std::move(map)}}, 2) + "\n";
}

}  // namespace

std::vector<fs::path> write_safetensors(const fs::path& path, const std::map<std::string, TensorSource>& sources,
                                        const SafetensorsFile::Metadata& metadata,
                                        std::optional<std::uint64_t> shard_bytes) {
  check(!shard_bytes || *shard_bytes > 0, where, "shard_bytes", "at least 1", shard_bytes.value_or(0));
  const std::vector<Shard> shards = split(ordered(sources), shard_bytes);
  std::vector<std::unique_ptr<ReplacementFile>> files;
  std::vector<fs::path> paths;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    paths.push_back(shards.size() == 1 ? path : shard_path(path, i, shards.size()));
    files.push_back(std::make_unique<ReplacementFile>(paths.back(), where));
    write_shard(*files.back(), shards[i], metadata);
  }
  if (shards.size() > 1) {
    paths.push_back(path.parent_path() / (path.stem().string() + ".safetensors.index.json"));
    files.push_back(std::make_unique<ReplacementFile>(paths.back(), where));
    const std::string text = index_text(shards, path);
    files.back()->write(text.data(), text.size());
  }
  for (const auto& file : files) file->commit();
  return paths;
}

void save_safetensors(const fs::path& path, const TensorMap& tensors, const SafetensorsFile::Metadata& metadata) {
  std::map<std::string, TensorSource> sources;
  for (const auto& [name, tensor] : tensors) {
    check(tensor.defined(), where, name, "a tensor", "an undefined one");
    const auto& value = tensor;
    sources.emplace(name, TensorSource{tensor.scalar_type(), tensor.sizes().vec(), [&value] { return value; }});
  }
  write_safetensors(path, sources, metadata);
}

}  // namespace action_images
