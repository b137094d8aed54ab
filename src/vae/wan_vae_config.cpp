// SPDX-License-Identifier: Apache-2.0
#include <action_images/vae/wan_vae_config.hpp>

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>
#include <action_images/tensor/json_fields.hpp>

namespace action_images {
namespace {

constexpr auto where = "vae::wan_vae_config";
constexpr std::int64_t largest_width = 1 << 16;

// Statistics of the latents over Wan's training videos, as published with the weights.
const std::vector<double> mean_2_1 = {-0.7571, -0.7089, -0.9113, 0.1075,  -0.1745, 0.9653,  -0.1517, 1.5508,
                                      0.4134,  -0.0715, 0.5517,  -0.3632, -0.1922, -0.9497, 0.2503,  -0.2921};
const std::vector<double> std_2_1 = {2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743,
                                     3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160};
const std::vector<double> mean_2_2 = {
    -0.2289, -0.0052, -0.1323, -0.2339, -0.2799, 0.0174,  0.1838,  0.1557,  -0.1382, 0.0542,  0.2813,  0.0891,
    0.1570,  -0.0098, 0.0375,  -0.1825, -0.2246, -0.1207, -0.0698, 0.5109,  0.2665,  -0.2108, -0.2158, 0.2502,
    -0.2055, -0.0322, 0.1109,  0.1567,  -0.0729, 0.0899,  -0.2799, -0.1230, -0.0313, -0.1649, 0.0117,  0.0723,
    -0.2839, -0.2083, -0.0520, 0.3748,  0.0152,  0.1957,  0.1433,  -0.2944, 0.3573,  -0.0548, -0.1681, -0.0667};
const std::vector<double> std_2_2 = {0.4765, 1.0364, 0.4514, 1.1677, 0.5313, 0.4990, 0.4818, 0.5013, 0.8158, 1.0344,
                                     0.5894, 1.0901, 0.6885, 0.6165, 0.8454, 0.4978, 0.5759, 0.3523, 0.7135, 0.6804,
                                     0.5833, 1.4146, 0.8986, 0.5659, 0.7069, 0.5338, 0.4889, 0.4917, 0.4069, 0.4999,
                                     0.6866, 0.4093, 0.5709, 0.6065, 0.6415, 0.4944, 0.5726, 1.2042, 0.5458, 1.6887,
                                     0.3971, 1.0600, 0.3943, 0.5537, 0.5444, 0.4089, 0.7468, 0.7744};

// Calls visit(name, field) for every field of a config but the version.
template <typename Config, typename Visit>
void for_each_field(Config& config, Visit&& visit) {
  visit("dim", config.dim);
  visit("dec_dim", config.dec_dim);
  visit("z_dim", config.z_dim);
  visit("dim_mult", config.dim_mult);
  visit("num_res_blocks", config.num_res_blocks);
  visit("attn_scales", config.attn_scales);
  visit("temporal_downsample", config.temporal_downsample);
  visit("mean", config.mean);
  visit("std", config.std);
}

void check_width(const char* name, std::int64_t value) {
  check(value >= 1 && value <= largest_width, where, name, text_of("1 to ", largest_width), value);
}

void check_stages(const WanVaeConfig& config) {
  const std::size_t stages = config.dim_mult.size();
  check(stages >= 1 && stages <= 8, where, "dim_mult", "1 to 8 widths", stages);
  for (const std::int64_t multiple : config.dim_mult) check_width("dim_mult", multiple);
  check(config.temporal_downsample.size() == stages - 1, where, "temporal_downsample",
        text_of(stages - 1, " values, one less than dim_mult"), config.temporal_downsample.size());
  check(config.num_res_blocks >= 1 && config.num_res_blocks <= 64, where, "num_res_blocks", "1 to 64",
        config.num_res_blocks);
}

// The parameter-free shortcuts of 2.2 average whole groups of channels, or repeat each channel a whole number of times.
void check_shortcuts(const WanVaeConfig& config) {
  const auto& mult = config.dim_mult;
  for (std::size_t i = 0; i < mult.size(); ++i) {
    const bool halves = i + 1 < mult.size();
    const std::int64_t before = i == 0 ? 1 : mult[i - 1];
    const std::int64_t factor = halves ? (config.temporal_downsample[i] ? 8 : 4) : 1;
    check(before * factor % mult[i] == 0, where, "dim_mult", text_of("a divisor of ", before * factor, " at stage ", i),
          mult[i]);
    if (!halves) continue;
    const std::size_t from = std::min(mult.size() - i, mult.size() - 1);  // the decoder runs backwards
    const std::int64_t up = config.temporal_downsample[mult.size() - 2 - i] ? 8 : 4;
    check(mult[mult.size() - 1 - i] * up % mult[from] == 0, where, "dim_mult",
          text_of("a divisor of ", mult[mult.size() - 1 - i] * up, " at stage ", from), mult[from]);
  }
}

void fill(std::vector<double>& values, std::size_t size, const std::vector<double>& released, double otherwise) {
  if (values.empty()) values = released.size() == size ? released : std::vector<double>(size, otherwise);
}

void check_statistics(const WanVaeConfig& config) {
  const auto z = static_cast<std::size_t>(config.z_dim);
  const auto finite = [](double value) { return std::isfinite(value); };
  const auto positive = [](double value) { return std::isfinite(value) && value > 0.0; };
  check(config.mean.size() == z && std::all_of(config.mean.begin(), config.mean.end(), finite), where, "mean",
        text_of(z, " finite numbers"), text_of(config.mean.size(), " numbers"));
  check(config.std.size() == z && std::all_of(config.std.begin(), config.std.end(), positive), where, "std",
        text_of(z, " positive numbers"), text_of(config.std.size(), " numbers"));
}

}  // namespace

std::int64_t WanVaeConfig::temporal_stride() const {
  return std::int64_t{1} << std::count(temporal_downsample.begin(), temporal_downsample.end(), true);
}

WanVaeConfig wan_vae_preset(const std::string& version) {
  check(version == "2.1" || version == "2.2", where, "version", "\"2.1\" or \"2.2\"", '"' + version + '"');
  WanVaeConfig config;
  if (version == "2.1") config = {.version = "2.1", .dim = 96, .dec_dim = 96, .z_dim = 16};
  return checked(config);
}

WanVaeConfig checked(WanVaeConfig config) {
  check(config.version == "2.1" || config.version == "2.2", where, "version", "\"2.1\" or \"2.2\"",
        '"' + config.version + '"');
  check_width("dim", config.dim);
  check_width("dec_dim", config.dec_dim);
  check_width("z_dim", config.z_dim);
  check_stages(config);
  if (config.residual()) {
    check_shortcuts(config);
    check(config.attn_scales.empty(), where, "attn_scales", "none with version 2.2", config.attn_scales.size());
  } else {
    for (std::size_t i = 1; i < config.dim_mult.size(); ++i) {  // upsampling halves the channels
      check(config.dec_dim * config.dim_mult[i] % 2 == 0, where, "dec_dim", "even widths of all stages but the first",
            config.dec_dim * config.dim_mult[i]);
    }
  }
  fill(config.mean, static_cast<std::size_t>(config.z_dim), config.residual() ? mean_2_2 : mean_2_1, 0.0);
  fill(config.std, static_cast<std::size_t>(config.z_dim), config.residual() ? std_2_2 : std_2_1, 1.0);
  check_statistics(config);
  return config;
}

WanVaeConfig wan_vae_config(const nlohmann::json& json) {
  JsonFields fields(json, where, "config");
  fields.expect("kind", "wan");
  std::string version = "2.2";
  fields.read("version", version);
  WanVaeConfig config = wan_vae_preset(version);
  config.mean.clear();
  config.std.clear();
  if (!config.residual() && json.contains("dim")) config.dec_dim = 0;
  for_each_field(config, [&](const char* name, auto& field) { fields.read(name, field); });
  if (config.dec_dim == 0 && !json.contains("dec_dim")) config.dec_dim = config.dim;
  fields.refuse_others();
  return checked(config);
}

nlohmann::json wan_vae_config_json(const WanVaeConfig& config) {
  nlohmann::json json = {{"kind", "wan"}, {"version", config.version}};
  for_each_field(config, [&](const char* name, const auto& field) { json[name] = field; });
  return json;
}

}  // namespace action_images
