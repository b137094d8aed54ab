// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>
#include <action_images/tensor/json_fields.hpp>
#include <action_images/wan/image_encoder.hpp>

namespace action_images {

namespace {

using Config = WanImageEncoderConfig;

constexpr std::array<std::pair<const char*, std::int64_t Config::*>, 6> sizes{{{"image_size", &Config::image_size},
                                                                               {"patch_size", &Config::patch_size},
                                                                               {"dim", &Config::dim},
                                                                               {"ffn_dim", &Config::ffn_dim},
                                                                               {"num_heads", &Config::num_heads},
                                                                               {"num_layers", &Config::num_layers}}};

constexpr auto where = "wan::wan_image_encoder_config";

}  // namespace

WanImageEncoderConfig wan_image_encoder_config(const nlohmann::json& object) {
  Config config;
  JsonFields fields(object, where, "config");
  fields.expect("preset", "wan2.1-clip");
  fields.read("eps", config.eps);
  for (const auto& [name, size] : sizes) fields.read(name, config.*size);
  fields.refuse_others();
  check_wan_image_encoder_config(config);
  return config;
}

nlohmann::json wan_image_encoder_config_json(const WanImageEncoderConfig& config) {
  nlohmann::json object{{"eps", config.eps}};
  for (const auto& [name, size] : sizes) object[name] = config.*size;
  return object;
}

void check_wan_image_encoder_config(const WanImageEncoderConfig& config) {
  constexpr std::int64_t limit = 1 << 20;  // so that no product of three overflows
  for (const auto& [name, size] : sizes) {
    check(config.*size >= 1 && config.*size <= limit, where, name, text_of("1 to ", limit), config.*size);
  }
  check(config.image_size <= 4096 && config.image_size % config.patch_size == 0, where, "image_size",
        text_of("a multiple of patch_size = ", config.patch_size, ", at most 4096"), config.image_size);
  check(config.dim % config.num_heads == 0, where, "dim", text_of("a multiple of num_heads = ", config.num_heads),
        config.dim);
  check(config.num_layers >= 2, where, "num_layers", "at least 2", config.num_layers);
  check(config.eps > 0.0 && std::isfinite(config.eps), where, "eps", "a positive number", config.eps);
}

}  // namespace action_images
