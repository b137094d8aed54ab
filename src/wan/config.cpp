// SPDX-License-Identifier: Apache-2.0
#include <action_images/wan/config.hpp>

#include <algorithm>
#include <cmath>
#include <map>

#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>
#include <action_images/tensor/json_fields.hpp>

namespace action_images {

namespace {

constexpr const char* where = "wan::wan_config";

const std::map<std::string, WanConfig, std::less<>>& presets() {
  static const std::map<std::string, WanConfig, std::less<>> presets = {
      {"wan2.2-ti2v-5b", {}},
      {"action-images-5b", {.camera_channels = 96}},
      {"wan2.1-t2v-1.3b",
       {.dim = 1536, .in_dim = 16, .ffn_dim = 8960, .out_dim = 16, .num_heads = 12, .num_layers = 30}},
      {"wan2.1-t2v-14b",
       {.dim = 5120, .in_dim = 16, .ffn_dim = 13824, .out_dim = 16, .num_heads = 40, .num_layers = 40}},
      {"wan2.1-i2v-14b-480p",
       {.dim = 5120,
        .in_dim = 36,
        .ffn_dim = 13824,
        .out_dim = 16,
        .num_heads = 40,
        .num_layers = 40,
        .has_image_input = true}},
      {"embedded",
       {.dim = 192,
        .in_dim = 146,
        .ffn_dim = 768,
        .out_dim = 48,
        .text_dim = 64,
        .freq_dim = 128,
        .num_heads = 3,
        .num_layers = 6,
        .camera_channels = 96,
        .camera_pool = {96, 2, 2},
        .image_stem = {32, 64, 96},
        .pooled_text_modulation = true,
        .rope_theta = 100.0}},
  };
  return presets;
}

// Calls visit(name, field) for every field of a config.
template <typename Config, typename Visit>
void for_each_field(Config& config, Visit&& visit) {
  visit("dim", config.dim);
  visit("in_dim", config.in_dim);
  visit("ffn_dim", config.ffn_dim);
  visit("out_dim", config.out_dim);
  visit("text_dim", config.text_dim);
  visit("freq_dim", config.freq_dim);
  visit("eps", config.eps);
  visit("patch_size", config.patch_size);
  visit("num_heads", config.num_heads);
  visit("num_layers", config.num_layers);
  visit("has_image_input", config.has_image_input);
  visit("camera_channels", config.camera_channels);
  visit("camera_pool", config.camera_pool);
  visit("image_stem", config.image_stem);
  visit("pooled_text_modulation", config.pooled_text_modulation);
  visit("rope_theta", config.rope_theta);
}

void check_positive(const char* name, std::int64_t value) { check(value > 0, where, name, "a positive number", value); }

template <typename Sizes>
void check_all_positive(const char* name, const Sizes& sizes) {
  const bool positive = std::all_of(sizes.begin(), sizes.end(), [](auto size) { return size > 0; });
  check(positive, where, name, "positive numbers", shape_text(sizes));
}

void check_positive_sizes(const WanConfig& config) {
  check_positive("dim", config.dim);
  check_positive("in_dim", config.in_dim);
  check_positive("ffn_dim", config.ffn_dim);
  check_positive("out_dim", config.out_dim);
  check_positive("text_dim", config.text_dim);
  check_positive("num_heads", config.num_heads);
  check_positive("num_layers", config.num_layers);
  check_all_positive("patch_size", config.patch_size);
  check_all_positive("camera_pool", config.camera_pool);
  check_all_positive("image_stem", config.image_stem);
}

}  // namespace

WanConfig wan_preset(std::string_view name) {
  const auto found = presets().find(name);
  if (found != presets().end()) return found->second;
  std::string names;
  for (const auto& entry : presets()) names += (names.empty() ? "" : ", ") + entry.first;
  throw ValueError(expected_text("wan::wan_preset", "name", names, name));
}

WanConfig wan_config(const nlohmann::json& json) {
  WanConfig config;
  JsonFields fields(json, where, "config");
  if (fields.find("preset") != nullptr) {
    std::string preset;
    fields.read("preset", preset);
    config = wan_preset(preset);
  }
  for_each_field(config, [&](const char* name, auto& field) { fields.read(name, field); });
  fields.refuse_others();
  check_wan_config(config);
  return config;
}

nlohmann::json wan_config_json(const WanConfig& config) {
  nlohmann::json json = nlohmann::json::object();
  for_each_field(config, [&](const char* name, const auto& field) { json[name] = field; });
  return json;
}

void check_wan_config(const WanConfig& config) {
  check_positive_sizes(config);
  check(config.dim % config.num_heads == 0 && config.head_dim() % 2 == 0, where, "dim",
        text_of("an even multiple of num_heads ", config.num_heads), config.dim);
  check(config.freq_dim > 0 && config.freq_dim % 2 == 0, where, "freq_dim", "a positive even number", config.freq_dim);
  check(config.eps > 0.0 && std::isfinite(config.eps), where, "eps", "a positive number", config.eps);
  check(config.rope_theta > 0.0 && std::isfinite(config.rope_theta), where, "rope_theta", "a positive number",
        config.rope_theta);
  check(config.camera_channels >= 0, where, "camera_channels", "0 or more", config.camera_channels);
  const bool by_frame = config.camera_channels > 0 || !config.image_stem.empty();
  check(!by_frame || config.patch_size[0] == 1, where, "patch_size",
        "one latent frame a token with camera_channels or image_stem", config.patch_size[0]);
}

}  // namespace action_images
