// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/model_files.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <regex>

#include <action_images/core/check.hpp>
#include <action_images/world/model_folder.hpp>

namespace action_images {
namespace {

namespace fs = std::filesystem;
using Paths = ModelFiles::Paths;

constexpr std::string_view where = "world::find_model_files";

// Files of a folder whose names match, sorted.
Paths matching(const fs::path& folder, const std::string& pattern) {
  Paths found;
  std::error_code error;
  const std::regex name(pattern);
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const bool fits = std::regex_match(entry->path().filename().string(), name);
    if (fits && fs::is_regular_file(entry->path())) found.push_back(entry->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string listed(const Paths& paths) {
  std::string text;
  for (const fs::path& path : paths) text += (text.empty() ? "" : ", ") + path.string();
  return text;
}

// Of weights in several files: the shards if there are some, else the one file. Adds missing shards to `missing`.
Paths weights_among(const Paths& found, std::vector<std::string>& missing) {
  static const std::regex shard(R"((.*)-(\d{5})-of-(\d{5})(\.\w+))");
  std::smatch match;
  std::map<std::string, Paths> sets;  // by the name without its number
  for (const fs::path& path : found) {
    const std::string name = path.string();
    if (std::regex_match(name, match, shard))
      sets[match[1].str() + '\n' + match[3].str() + match[4].str()].push_back(path);
  }
  check<FormatError>(sets.size() <= 1 && (!sets.empty() || found.size() <= 1), where, "weights",
                     "one file, or the shards of one", listed(found));
  if (sets.empty()) return found;
  const auto& [name, shards] = *sets.begin();
  const std::string head = name.substr(0, name.find('\n')), tail = name.substr(name.find('\n') + 1);
  const auto count = std::min(std::stoul(tail.substr(0, 5)), 100000UL);
  for (unsigned long i = 1; i <= count && shards.size() != count; ++i) {
    const std::string number = std::to_string(i);
    const std::string expected = head + '-' + std::string(5 - number.size(), '0') + number + "-of-" + tail;
    if (std::find(shards.begin(), shards.end(), fs::path(expected)) == shards.end()) missing.push_back(expected);
  }
  return shards;
}

// A part of a model: under which names it lies in a folder of Wan's and in one of diffusers, as regular expressions.
struct Part {
  const char* name;       // for messages
  const char* published;  // for messages: the file that Wan publishes
  const char* wan_folder;
  const char* wan;
  const char* diffusers_folder;
  const char* diffusers;
};

constexpr Part transformer_part{"transformer",
                                "model.safetensors with config.json, diffusion_pytorch_model*.safetensors, .ckpt",
                                "",
                                R"(diffusion_pytorch_model.*\.safetensors)",
                                "transformer",
                                R"(diffusion_pytorch_model.*\.safetensors)"};
constexpr Part text_part{
    "text encoder", "models_t5_umt5-xxl-enc-bf16.pth", "", R"(models_t5_umt5-xxl-enc.*\.(pth|safetensors))",
    "text_encoder", R"(model.*\.safetensors)"};
constexpr Part vae_part{"VAE", "Wan2.2_VAE.pth or Wan2.1_VAE.pth",         "", R"(Wan.*_VAE\.(pth|safetensors))",
                        "vae", R"(diffusion_pytorch_model.*\.safetensors)"};
constexpr Part tokenizer_part{"tokenizer",       "google/umt5-xxl/spiece.model",
                              "google/umt5-xxl", R"(spiece\.model)",
                              "tokenizer",       R"(spiece\.model)"};
constexpr Part image_part{"image encoder", "models_clip_*.pth",      "", R"(models_clip.*\.(pth|safetensors))",
                          "image_encoder", R"(model.*\.safetensors)"};

class Search {
 public:
  explicit Search(Paths folders) : folders_(std::move(folders)) {}

  // The files of a part in the first of the folders that has it, or of the leading `count` folders.
  Paths find(const Part& part, bool needed = true, std::size_t count = 3) {
    for (std::size_t i = 0; i < std::min(count, folders_.size()); ++i) {
      const fs::path& folder = folders_[i];
      for (const auto& [below, pattern] :
           {std::pair{part.wan_folder, part.wan}, {part.diffusers_folder, part.diffusers}}) {
        const Paths found = matching(*below == '\0' ? folder : folder / below, pattern);
        if (!found.empty()) return weights_among(found, missing_);
      }
    }
    if (needed) missing_.push_back(text_of("the ", part.name, " (", part.published, ')'));
    return {};
  }

  // @throws FormatError if something was not found.
  void finish() const {
    std::string missing;
    for (const std::string& name : missing_) missing += (missing.empty() ? "" : ", ") + name;
    check<FormatError>(missing_.empty(), where, "model", missing, "none in " + listed(folders_));
  }

 private:
  Paths folders_;
  std::vector<std::string> missing_;
};

Paths folders_of(const ModelSource& source) {
  std::error_code error;
  const bool file = fs::is_regular_file(source.model, error);
  Paths folders{file ? source.model.parent_path() : source.model};
  if (folders[0].empty()) folders[0] = ".";
  if (!source.base.empty()) folders.push_back(source.base);
  const fs::path published = source.checkpoints / source.model_id;
  if (!source.model_id.empty() && fs::is_directory(published, error)) folders.push_back(published);
  return folders;
}

// A file of ours, which has its config and tokenizer beside it.
std::optional<ModelFiles> packed_file(const fs::path& path) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  ModelFiles files;
  files.config = folder / "config.json";
  files.transformer = {path};
  files.tokenizer = folder / "tokenizer.model";
  const bool packed = path.extension() == ".safetensors" && fs::is_regular_file(files.config) &&
                      fs::is_regular_file(files.tokenizer);
  return packed ? std::optional(files) : std::nullopt;
}

// A folder of ours, which one of its files may be missing from.
std::optional<ModelFiles> packed_files(const fs::path& folder) {
  if (fs::is_regular_file(folder)) return packed_file(folder);
  ModelFiles files;
  files.config = folder / "config.json";
  files.transformer = {model_weights(folder)};
  files.tokenizer = folder / "tokenizer.model";
  const bool config = fs::is_regular_file(files.config), tokenizer = fs::is_regular_file(files.tokenizer);
  if (!fs::is_regular_file(files.transformer[0]) && !(config && tokenizer)) return std::nullopt;
  for (const fs::path& path : {files.config, files.transformer[0], files.tokenizer}) {
    check<FormatError>(fs::is_regular_file(path), where, "folder", text_of("a folder with ", path.filename().string()),
                       folder.string());
  }
  return files;
}

// config.json beside the weights, or none.
fs::path config_beside(const Paths& weights) {
  if (weights.empty()) return {};
  const fs::path path = weights.front().parent_path() / "config.json";
  return fs::is_regular_file(path) ? path : fs::path();
}

void find_text(Search& search, ModelFiles& files) {
  files.text_encoder = search.find(text_part);
  const Paths tokenizer = search.find(tokenizer_part);
  if (!tokenizer.empty()) files.tokenizer = tokenizer.front();
}

void check_exists(const ModelSource& source) {
  std::error_code error;
  check<FormatError>(fs::exists(source.model, error), where, "model", "a folder or a file of weights",
                     source.model.empty() ? "an empty path" : source.model.string());
}

}  // namespace

ModelFiles find_model_files(const ModelSource& source) {
  check_exists(source);
  if (auto packed = packed_files(source.model)) return *packed;
  ModelFiles files;
  Search search(folders_of(source));
  if (fs::is_regular_file(source.model)) {
    files.transformer = {source.model};
  } else {
    const Paths checkpoints = matching(source.model, R"(.*\.ckpt)");
    check<FormatError>(checkpoints.size() <= 1, where, "model", "a folder with one .ckpt, or one of the files",
                       listed(checkpoints));
    files.transformer = checkpoints.empty() ? search.find(transformer_part, /*needed=*/true, 1) : checkpoints;
  }
  files.transformer_config = config_beside(files.transformer);
  find_text(search, files);
  files.vae = search.find(vae_part);
  files.image_encoder = search.find(image_part, /*needed=*/false);
  search.finish();
  return files;
}

ModelFiles find_text_files(const ModelSource& source) {
  check_exists(source);
  if (auto packed = packed_files(source.model)) return *packed;
  ModelFiles files;
  Search search(folders_of(source));
  find_text(search, files);
  search.finish();
  return files;
}

}  // namespace action_images
