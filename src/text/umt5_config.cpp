// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>
#include <action_images/tensor/json_fields.hpp>
#include <action_images/text/umt5.hpp>

namespace action_images {
namespace {

using Size = std::int64_t UMT5Config::*;

constexpr std::array<std::pair<const char*, Size>, 7> sizes{{{"vocab", &UMT5Config::vocab},
                                                             {"dim", &UMT5Config::dim},
                                                             {"dim_attn", &UMT5Config::dim_attn},
                                                             {"dim_ffn", &UMT5Config::dim_ffn},
                                                             {"num_heads", &UMT5Config::num_heads},
                                                             {"num_layers", &UMT5Config::num_layers},
                                                             {"num_buckets", &UMT5Config::num_buckets}}};

constexpr auto where = "text::umt5_config";

}  // namespace

UMT5Config umt5_config(const nlohmann::json& object) {
  UMT5Config config;
  JsonFields fields(object, where, "config");
  fields.expect("preset", "umt5-xxl");
  fields.read("shared_pos", config.shared_pos);
  for (const auto& [name, size] : sizes) fields.read(name, config.*size);
  fields.refuse_others();
  check_umt5_config(config);
  return config;
}

nlohmann::json umt5_config_json(const UMT5Config& config) {
  nlohmann::json object{{"shared_pos", config.shared_pos}};
  for (const auto& [name, size] : sizes) object[name] = config.*size;
  return object;
}

void check_umt5_config(const UMT5Config& config) {
  constexpr std::int64_t limit = 1 << 24;  // so that no product of two overflows
  for (const auto& [name, size] : sizes) {
    check(config.*size >= 1 && config.*size <= limit, where, name, text_of("1 to ", limit), config.*size);
  }
  check(config.dim_attn % config.num_heads == 0, where, "dim_attn",
        text_of("a multiple of num_heads = ", config.num_heads), config.dim_attn);
  const bool buckets = config.num_buckets % 2 == 0 && config.num_buckets >= 4 && config.num_buckets < 512;
  check(buckets, where, "num_buckets", "an even number, 4 to 510", config.num_buckets);
}

}  // namespace action_images
