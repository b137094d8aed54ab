// SPDX-License-Identifier: Apache-2.0
#include <action_images/vggt/config.hpp>

#include <cmath>
#include <string>

#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>
#include <action_images/tensor/json_fields.hpp>

namespace action_images {

namespace {

constexpr const char* where = "vggt::vggt_config";
constexpr std::int64_t limit = 1 << 16;  // so that no product of three sizes overflows

// Calls visit(name, field) for every field of a config.
template <typename Config, typename Visit>
void for_each_field(Config& config, Visit&& visit) {
  visit("img_size", config.img_size);
  visit("patch", config.patch);
  visit("embed", config.embed);
  visit("heads", config.heads);
  visit("dino_depth", config.dino_depth);
  visit("depth", config.depth);
  visit("reg", config.reg);
  visit("cam_depth", config.cam_depth);
  visit("cam_heads", config.cam_heads);
  visit("features", config.features);
  visit("out_channels", config.out_channels);
  visit("taps", config.taps);
}

void check_field(const char* name, std::int64_t value) {
  check(value >= 1 && value <= limit, where, name, text_of("1 to ", limit), value);
}

void check_field(const char* name, const std::array<std::int64_t, 4>& values) {
  if (std::string_view(name) == "taps") return;
  for (const std::int64_t value : values) check_field(name, value);
}

}  // namespace

VggtConfig vggt_config(const nlohmann::json& object) {
  VggtConfig config;
  JsonFields fields(object, where, "config");
  for_each_field(config, [&](const char* name, auto& field) { fields.read(name, field); });
  fields.refuse_others();
  check_vggt_config(config);
  return config;
}

nlohmann::json vggt_config_json(const VggtConfig& config) {
  nlohmann::json object;
  for_each_field(config, [&](const char* name, const auto& field) { object[name] = field; });
  return object;
}

void check_vggt_config(const VggtConfig& config) {
  for_each_field(config, [](const char* name, const auto& field) { check_field(name, field); });
  check(config.img_size % config.patch == 0, where, "img_size", text_of("a multiple of patch = ", config.patch),
        config.img_size);
  check(config.embed % (4 * config.heads) == 0, where, "embed", text_of("a multiple of 4 heads = ", 4 * config.heads),
        config.embed);
  check(2 * config.embed % config.cam_heads == 0, where, "cam_heads", text_of("a divisor of 2 embed = ", 2 * config.embed),
        config.cam_heads);
  check(config.features % 8 == 0, where, "features", "a multiple of 8", config.features);
  for (const std::int64_t channels : config.out_channels) {
    check(channels % 4 == 0, where, "out_channels", "multiples of 4", channels);
  }
  for (const std::int64_t tap : config.taps) {
    check(tap >= 0 && tap < config.depth, where, "taps", text_of("0 to depth - 1 = ", config.depth - 1), tap);
  }
}

}  // namespace action_images
