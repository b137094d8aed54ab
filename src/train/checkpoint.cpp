// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/checkpoint.hpp>

#include <algorithm>

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>

#include <action_images/core/check.hpp>
#include <action_images/core/file.hpp>
#include <action_images/tensor/safetensors.hpp>

#include "checkpoint_folder.hpp"

namespace action_images {

namespace fs = std::filesystem;

namespace {

constexpr const char* where = "train::SavedCheckpoint";
constexpr std::uint64_t largest_state = std::uint64_t{1} << 28;  // bytes

std::int64_t count_of(const std::vector<std::int64_t>& shape, const std::string& name) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) {
    const bool fits = size >= 0 && !__builtin_mul_overflow(count, size, &count);
    check<FormatError>(fits, where, name, "a shape of less than 2^63 values", shape_text(shape));
  }
  return count;
}

// The safetensors files of a folder, each as long as the manifest says.
std::map<std::string, SafetensorsFile> open_files(const nlohmann::json& manifest, const fs::path& folder) {
  std::map<std::string, SafetensorsFile> opened;
  for (const auto& [name, file] : listed_files(manifest, folder)) {
    std::error_code error;
    const auto bytes = fs::file_size(folder / name, error);
    check<FormatError>(!error && bytes == file.bytes, where, (folder / name).string(),
                       text_of("a file of ", file.bytes, " bytes"), error ? error.message() : text_of(bytes));
    if (fs::path(name).extension() == ".safetensors") opened.emplace(name, SafetensorsFile(folder / name));
  }
  return opened;
}

}  // namespace

std::map<std::string, TensorPiece> pieces_of(const TensorMap& slices, const std::map<std::string, ShardRange>& ranges,
                                             const std::string& prefix) {
  std::map<std::string, TensorPiece> pieces;
  for (const auto& [name, tensor] : slices) {
    const auto range = ranges.find(name);
    if (range == ranges.end() || tensor.dim() != 1 || tensor.numel() != range->second.stop - range->second.start)
      continue;
    pieces[prefix + name] = {tensor, range->second.start, range->second.shape};
  }
  return pieces;
}

SavedCheckpoint::SavedCheckpoint(const fs::path& folder) : folder_(folder) {
  const nlohmann::json manifest = read_manifest(folder);
  const auto files = open_files(manifest, folder);
  const std::string manifest_path = (folder / "manifest.json").string();
  try {
    step_ = manifest.at("step");
    if (!manifest.at("metric").is_null()) metric_ = manifest.at("metric").get<double>();
    for (const auto& [name, tensor] : manifest.at("tensors").items()) {
      Entry entry{.dtype = at::kFloat, .shape = tensor.at("shape"), .pieces = {}};
      std::int64_t reached = 0;
      for (const auto& piece : tensor.at("pieces")) {
        const at::Tensor values = files.at(piece.at("file")).tensor(name).view(-1);
        const std::int64_t start = piece.at("start");
        const bool follows = start == reached && (entry.pieces.empty() || values.scalar_type() == entry.dtype);
        check<FormatError>(follows, where, manifest_path, text_of(name, " in pieces of one dtype without gaps"),
                           text_of("one at ", start));
        reached = start + values.numel();
        entry.dtype = values.scalar_type();
        entry.pieces.push_back({start, reached, values});
      }
      check<FormatError>(!entry.pieces.empty() && reached == count_of(entry.shape, name), where, manifest_path,
                         text_of(name, " whole, of shape ", shape_text(entry.shape)), text_of(reached, " values"));
      entries_.emplace(name, std::move(entry));
    }
    const auto state = nlohmann::json::parse(read_file(folder / "state.json", largest_state, where));
    state_ = state.at("state");
    rank_states_ = state.at("ranks").get<std::vector<nlohmann::json>>();
  } catch (const nlohmann::json::exception& error) {
    throw FormatError(expected_text(where, manifest_path, "the documented keys", error.what()));
  } catch (const std::out_of_range&) {
    throw FormatError(expected_text(where, manifest_path, "files that it lists", "another"));
  }
}

std::vector<std::string> SavedCheckpoint::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

const SavedCheckpoint::Entry& SavedCheckpoint::entry(const std::string& name) const {
  const auto found = entries_.find(name);
  check(found != entries_.end(), where, "name", text_of("a tensor of ", folder_.string()), '"' + printable(name) + '"');
  return found->second;
}

const std::vector<std::int64_t>& SavedCheckpoint::shape(const std::string& name) const { return entry(name).shape; }
at::ScalarType SavedCheckpoint::dtype(const std::string& name) const { return entry(name).dtype; }

at::Tensor SavedCheckpoint::tensor(const std::string& name) const {
  const Entry& found = entry(name);
  return range(name, 0, found.pieces.back().stop).view(found.shape);
}

at::Tensor SavedCheckpoint::range(const std::string& name, std::int64_t start, std::int64_t stop) const {
  const Entry& found = entry(name);
  const bool inside = start >= 0 && start <= stop && stop <= found.pieces.back().stop;
  check(inside, where, name, text_of("a range within 0 and ", found.pieces.back().stop), text_of(start, " to ", stop));
  std::vector<at::Tensor> parts;
  for (const Piece& piece : found.pieces) {
    const std::int64_t first = std::max(start, piece.start), last = std::min(stop, piece.stop);
    if (first < last) parts.push_back(piece.values.slice(0, first - piece.start, last - piece.start));
  }
  if (parts.empty()) return at::empty({0}, at::TensorOptions().dtype(found.dtype));
  return parts.size() == 1 ? parts[0] : at::cat(parts);
}

TensorMap SavedCheckpoint::tensors(const std::string& prefix) const {
  TensorMap result;
  for (const auto& [name, entry] : entries_) {
    if (name.compare(0, prefix.size(), prefix) == 0) result.emplace(name.substr(prefix.size()), tensor(name));
  }
  return result;
}

void SavedCheckpoint::export_safetensors(const fs::path& path, const std::string& prefix,
                                         std::optional<at::ScalarType> dtype) const {
  std::map<std::string, TensorSource> sources;
  for (const auto& [name, entry] : entries_) {
    if (name.compare(0, prefix.size(), prefix) != 0) continue;
    const at::ScalarType written = dtype && at::isFloatingType(entry.dtype) ? *dtype : entry.dtype;
    sources[name.substr(prefix.size())] = {written, entry.shape,
                                           [this, name = name, written] { return tensor(name).to(written); }};
  }
  check(!sources.empty(), where, "prefix", text_of("one of tensors in ", folder_.string()),
        '"' + printable(prefix) + '"');
  write_safetensors(path, sources, {{"format", "pt"}, {"step", std::to_string(step_)}});
}

}  // namespace action_images
