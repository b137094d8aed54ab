// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <regex>
#include <set>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>
#include <action_images/core/file.hpp>
#include <action_images/tensor/safetensors.hpp>
#include <action_images/tensor/weights.hpp>

#include "byte_cursor.hpp"
#include "json_faults.hpp"
#include "mapped_file.hpp"
#include "torch_file.hpp"
#include "zip_archive.hpp"

namespace action_images {

namespace fs = std::filesystem;

namespace {

constexpr const char* where = "tensor::MappedWeights";
constexpr std::uint64_t largest_index = 100'000'000, largest_header = 100'000'000;  // [byte]

constexpr std::array<std::string_view, 4> torch_endings = {".pth", ".pt", ".ckpt", ".bin"};

bool ends_with(const fs::path& path, std::string_view ending) { return path.filename().string().ends_with(ending); }

bool is_torch_file(const fs::path& path) {
  return std::any_of(torch_endings.begin(), torch_endings.end(), [&](auto ending) { return ends_with(path, ending); });
}

// Names in one line, the first of them.
std::string list(const std::vector<std::string>& names) {
  constexpr std::size_t most = 10;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) text += (i > 0 ? ", " : "") + printable(names[i], 120);
  return names.size() > most ? text_of(text, ", ... (", names.size(), ')') : text;
}

bool begins_with(std::span<const std::uint8_t> bytes, std::string_view text) {
  return ByteCursor(bytes).text(text.size()) == text;
}

// The length of a header and its first letter; a length may look like the beginning of another kind of file.
bool begins_as_safetensors(std::span<const std::uint8_t> bytes) {
  ByteCursor cursor(bytes);
  const auto length = cursor.number<std::uint64_t>();
  return length && *length <= largest_header && cursor.text(1) == "{";
}

// Files of weights that are recognised and not read, with what to do.
void refuse_known_kinds(std::span<const std::uint8_t> bytes, const std::string& file) {
  constexpr const char* expected = "a safetensors file, a zip file of torch.save, or an index of shards";
  const bool pickle = begins_with(bytes, "\x80\x02") || begins_with(bytes, "\x80\x03") ||
                      begins_with(bytes, "\x80\x04") || begins_with(bytes, "\x80\x05");
  check<FormatError>(!pickle, where, file, expected,
                     "a bare pickle, such as torch.save wrote before 1.6; load it and torch.save it again");
  check<FormatError>(!begins_with(bytes, "version https://git-lfs"), where, file, expected,
                     "a pointer of Git LFS; fetch the file itself with git lfs pull");
  check<FormatError>(!begins_with(bytes, "GGUF"), where, file, expected, "a GGUF file");
  const bool tar = bytes.size() > 262 && std::memcmp(bytes.data() + 257, "ustar", 5) == 0;
  check<FormatError>(!tar, where, file, expected,
                     "a tar file, such as torch.save wrote before 0.1.10; load it and torch.save it again");
}

// Text that begins as an object of JSON; a safetensors file has zeros in its first eight bytes.
bool is_json(std::span<const std::uint8_t> bytes) {
  const auto start = ByteCursor(bytes).text(8);
  return start && start->find('\0') == std::string_view::npos &&
         start->substr(std::min(start->find_first_not_of(" \t\r\n"), start->size())).starts_with('{');
}

struct Index {
  std::map<std::string, std::vector<std::string>> names_by_file;
  std::map<std::string, std::string> file_of;
};

Index read_index(const fs::path& path) {
  const std::string file = path.string();
  JsonFaults faults;
  const auto json =
      nlohmann::json::parse(read_file(path, largest_index, where), std::ref(faults), /*allow_exceptions=*/false);
  check<FormatError>(json.is_object() && json.contains("weight_map") && json["weight_map"].is_object(), where, file,
                     "an index with a weight_map", "other text");
  check<FormatError>(!faults.nested(), where, file, "texts in the weight_map", "deeper objects");
  check<FormatError>(faults.duplicate().empty(), where, file, "every name once", printable(faults.duplicate(), 200));
  Index index;
  for (const auto& [name, shard] : json["weight_map"].items()) {
    check<FormatError>(shard.is_string(), where, file, "the name of a file for each tensor", shard.type_name());
    const std::string shard_name = shard.get<std::string>();
    const bool beside = !shard_name.empty() && shard_name != "." && shard_name != ".." &&
                        shard_name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
    check<FormatError>(beside, where, file, "names of files beside the index", printable(shard_name));
    index.names_by_file[shard_name].push_back(name);
    index.file_of.emplace(name, shard_name);
  }
  return index;
}

}  // namespace

// Opens what a path stands for, once.
class WeightsReader {
 public:
  WeightsReader(MappedWeights& weights, const std::string& part) : weights_(weights), part_(part) {}

  void read(const fs::path& path) {
    if (fs::is_directory(path)) return read_folder(path);
    if (is_json(MappedFile(path).bytes())) return read_shards(path);
    add(path, read_one(path));
  }

 private:
  void read_folder(const fs::path& folder) {
    std::vector<fs::path> indices, safetensors, others;
    for (const auto& entry : fs::directory_iterator(folder)) {
      const fs::path& path = entry.path();
      if (ends_with(path, ".index.json"))
        indices.push_back(path);
      else if (ends_with(path, ".safetensors"))
        safetensors.push_back(path);
      else if (is_torch_file(path))
        others.push_back(path);
    }
    for (auto* found : {&indices, &safetensors, &others}) {
      if (found->empty()) continue;
      std::sort(found->begin(), found->end());
      if (found->size() == 1) return read(found->front());
      if (found != &indices && read_numbered(*found)) return;
      std::vector<std::string> names;
      for (const fs::path& path : *found) names.push_back(path.filename().string());
      check<FormatError>(false, where, folder.string(), "one file of weights, one index or all shards", list(names));
    }
    check<FormatError>(false, where, folder.string(), "a folder with weights", "none in it");
  }

  // Shards without an index, if the names are those of all parts: "model-00001-of-00003.safetensors", ...
  bool read_numbered(const std::vector<fs::path>& paths) {
    static const std::regex pattern(R"((.*)-(\d{5})-of-(\d{5})(\.\w+))");
    std::set<std::string> stems, numbers;
    std::smatch match;
    for (const fs::path& path : paths) {
      const std::string name = path.filename().string();
      if (!std::regex_match(name, match, pattern)) return false;
      stems.insert(match[1].str() + '/' + match[3].str() + match[4].str());
      if (std::stoul(match[3]) != paths.size()) return false;
      numbers.insert(match[2]);
    }
    if (stems.size() != 1 || numbers.size() != paths.size()) return false;
    for (const fs::path& path : paths) add(path, read_one(path));
    return true;
  }

  TensorMap read_one(const fs::path& path) {
    const auto mapping = std::make_shared<MappedFile>(path);
    const auto bytes = mapping->bytes();
    const bool safetensors = begins_as_safetensors(bytes);
    if (!safetensors && ZipArchive::recognises(bytes)) {
      weights_.mappings_.push_back(mapping);
      return read_torch_file(mapping, path.string(), part_);
    }
    if (!safetensors) refuse_known_kinds(bytes, path.string());
    const SafetensorsFile file(path);
    check(part_.empty(), where, "part", "none for a safetensors file", part_);
    weights_.mappings_.push_back(file.mapping());
    weights_.metadata_.insert(file.metadata().begin(), file.metadata().end());
    TensorMap tensors;
    for (const std::string& name : file.names()) tensors.emplace(name, file.tensor(name));
    return tensors;
  }

  void add(const fs::path& path, TensorMap tensors) {
    for (auto& [name, tensor] : tensors) {
      const bool fresh = weights_.tensors_.emplace(name, std::move(tensor)).second;
      check<FormatError>(fresh, where, path.string(), "every name once in all shards", printable(name, 200));
    }
    weights_.files_.push_back(path);
  }

  void read_shards(const fs::path& path) {
    const Index index = read_index(path);
    const fs::path folder = path.parent_path();
    std::vector<std::string> missing;
    for (const auto& [shard, names] : index.names_by_file) {
      if (!fs::is_regular_file(folder / shard)) missing.push_back(shard);
    }
    check<FormatError>(missing.empty(), where, path.string(), "all shards beside it", "no " + list(missing));
    std::vector<std::string> absent, surplus;
    for (const auto& [shard, names] : index.names_by_file) {
      TensorMap tensors = read_one(folder / shard);
      for (const std::string& name : names) {
        if (tensors.count(name) == 0) absent.push_back(name);
      }
      for (const auto& [name, tensor] : tensors) {
        const auto found = index.file_of.find(name);
        if (found == index.file_of.end() || found->second != shard) surplus.push_back(name);
      }
      if (absent.empty() && surplus.empty()) add(folder / shard, std::move(tensors));
    }
    const std::string faults = (absent.empty() ? "" : "missing: " + list(absent)) +
                               (absent.empty() || surplus.empty() ? "" : "; ") +
                               (surplus.empty() ? "" : "unexpected: " + list(surplus));
    check<FormatError>(faults.empty(), where, path.string(), "the tensors of its weight_map in the shards", faults);
  }

  MappedWeights& weights_;
  const std::string& part_;
};

MappedWeights::MappedWeights(const fs::path& path, const std::string& part) { WeightsReader(*this, part).read(path); }

}  // namespace action_images
