// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/model_folder.hpp>

#include <action_images/core/file.hpp>
#include <action_images/tensor/safetensors.hpp>

namespace action_images {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view loading = "world::load_model_folder";
constexpr std::string_view saving = "world::save_model_folder";

nlohmann::json read_config(const fs::path& folder) {
  const fs::path path = folder / "config.json";
  check<FormatError>(fs::is_regular_file(path), loading, "folder", "a folder with config.json", folder.string());
  auto json = nlohmann::json::parse(read_file(path, 1 << 20, loading), nullptr, /*allow_exceptions=*/false);
  check<FormatError>(!json.is_discarded(), loading, path.string(), "JSON", "something else");
  return json;
}

}  // namespace

fs::path model_weights(const fs::path& folder) {
  const fs::path model = folder / "model.safetensors", trained = folder / "final_model.safetensors";
  return !fs::is_regular_file(model) && fs::is_regular_file(trained) ? trained : model;
}

bool is_model_folder(const fs::path& folder) {
  return fs::is_regular_file(folder / "config.json") && fs::is_regular_file(folder / "tokenizer.model");
}

ModelFolder load_model_folder(const fs::path& folder) {
  ModelFolder model;
  model.config = world_config_from_json(read_config(folder));
  model.tokenizer = folder / "tokenizer.model";
  const fs::path weights = model_weights(folder);
  for (const fs::path& file : {weights, model.tokenizer}) {
    check<FormatError>(fs::is_regular_file(file), loading, "folder", text_of("a folder with ", file.filename().string()),
                       folder.string());
  }
  model.tensors = load_safetensors(weights);
  return model;
}

void save_model_file(const fs::path& path, const ModelFolder& model) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::error_code error;
  fs::create_directories(folder, error);
  check<FormatError>(!error, saving, "folder", "a folder that can be written", folder.string());
  save_safetensors(path, model.tensors);
  const fs::path tokenizer = folder / "tokenizer.model";
  if (!fs::exists(tokenizer) || !fs::equivalent(model.tokenizer, tokenizer)) {
    fs::copy_file(model.tokenizer, tokenizer, fs::copy_options::overwrite_existing);
  }
  write_file(folder / "config.json", json_from(model.config).dump(2) + "\n", saving);
}

void save_model_folder(const fs::path& folder, const ModelFolder& model) {
  save_model_file(folder / "model.safetensors", model);
}

}  // namespace action_images
