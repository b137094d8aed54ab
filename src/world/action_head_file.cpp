// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>
#include <action_images/tensor/json_fields.hpp>
#include <action_images/tensor/safetensors.hpp>

#include "action_head_frame.hpp"

namespace action_images {
namespace {

constexpr const char* where = "world::ActionHead";
constexpr const char* format = "action-images-action-head";

void check_range(const char* name, std::int64_t value, std::int64_t most) {
  check(value >= 1 && value <= most, where, name, text_of("1..", most), value);
}

nlohmann::json config_in(const SafetensorsFile& file, const std::filesystem::path& path) {
  const auto text = [&](const char* key) {
    const auto found = file.metadata().find(key);
    return found == file.metadata().end() ? std::string() : found->second;
  };
  check<FormatError>(text("format") == format && text("version") == "1", "world::ActionHead::load", path.string(),
                     text_of("a file of format ", format, ", version 1"),
                     text_of(printable(text("format")), ", version ", printable(text("version"))));
  const auto config = nlohmann::json::parse(text("config"), nullptr, /*allow_exceptions=*/false);
  check<FormatError>(config.is_object(), "world::ActionHead::load", path.string(), "a config in its metadata",
                     printable(text("config")));
  return config;
}

}  // namespace

void check_action_head_config(const ActionHeadConfig& config) {
  check_range("views", config.views, 64);
  check_range("channels", config.channels, 4096);
  check_range("temporal_stride", config.temporal_stride, 64);
  check_range("latent_pool", config.latent_pool, 64);
  check_range("hidden", config.hidden, 65536);
  check_range("layers", config.layers, 64);
  check(std::isfinite(config.position_scale) && config.position_scale > 0.0, where, "position_scale",
        "a positive number [m]", config.position_scale);
}

ActionHeadConfig action_head_config(const nlohmann::json& json) {
  JsonFields fields(json, where, "config");
  ActionHeadConfig config;
  fields.read("views", config.views);
  fields.read("channels", config.channels);
  fields.read("temporal_stride", config.temporal_stride);
  fields.read("latent_pool", config.latent_pool);
  fields.read("hidden", config.hidden);
  fields.read("layers", config.layers);
  fields.read("position_scale", config.position_scale);
  fields.refuse_others();
  check_action_head_config(config);
  return config;
}

nlohmann::json action_head_config_json(const ActionHeadConfig& config) {
  return {{"views", config.views},
          {"channels", config.channels},
          {"temporal_stride", config.temporal_stride},
          {"latent_pool", config.latent_pool},
          {"hidden", config.hidden},
          {"layers", config.layers},
          {"position_scale", config.position_scale}};
}

ActionHead ActionHead::load(const std::filesystem::path& path) {
  const SafetensorsFile file(path);
  const ActionHeadConfig config = action_head_config(config_in(file, path));
  TensorMap tensors;
  for (const std::string& name : file.names()) tensors.emplace(name, file.tensor(name).to(at::kFloat));
  return ActionHead(config, Parameters(std::move(tensors)));
}

void ActionHead::save(const std::filesystem::path& path) const {
  save_safetensors(path, parameters_.state(),
                   {{"format", format}, {"version", "1"}, {"config", action_head_config_json(config_).dump()}});
}

}  // namespace action_images
