// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <string_view>

#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>
#include <action_images/core/file.hpp>
#include <action_images/tensor/weights.hpp>
#include <action_images/wan/lora.hpp>

namespace action_images {

namespace fs = std::filesystem;

namespace {

constexpr const char* where = "wan::Lora::load";

// Reads the configuration of PEFT, whose keys diffusers' metadata repeats behind "transformer.".
Lora::Scaling scaling_of(const std::string& text, const std::string& file) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  check<FormatError>(json.is_object(), where, file, "the configuration of a LoRA in JSON", "other text");
  Lora::Scaling scaling;
  for (const auto& [full_key, value] : json.items()) {
    const std::string key = full_key.substr(full_key.rfind('.') == std::string::npos ? 0 : full_key.rfind('.') + 1);
    if (key == "lora_alpha") {
      check<FormatError>(value.is_number() && std::isfinite(value.get<double>()), where, file, "lora_alpha as a number",
                         printable(value.dump()));
      scaling.alpha = value.get<double>();
    }
    if (key == "use_rslora") scaling.rank_stabilised = value == true;
    check<FormatError>(key != "use_dora" || value != true, where, file, "a LoRA", "a DoRA, which is not read");
    const bool by_module = (key == "alpha_pattern" || key == "rank_pattern") && value.is_object() && !value.empty();
    check<FormatError>(!by_module, where, file, "one rank and one alpha", printable(key + ' ' + value.dump(), 200));
  }
  return scaling;
}

}  // namespace

Lora Lora::load(const fs::path& path) {
  const MappedWeights weights(path);
  const auto described = weights.metadata().find("lora_adapter_metadata");
  if (described != weights.metadata().end())
    return Lora(weights.tensors(), scaling_of(described->second, path.string()));
  const bool of_peft = fs::is_directory(path) || path.stem() == "adapter_model";
  const fs::path config = (fs::is_directory(path) ? path : path.parent_path()) / "adapter_config.json";
  if (!of_peft || !fs::is_regular_file(config)) return Lora(weights.tensors());
  return Lora(weights.tensors(), scaling_of(read_file(config, 1 << 20, where), config.string()));
}

}  // namespace action_images
