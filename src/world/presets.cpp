// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/presets.hpp>

namespace action_images {
namespace {

constexpr std::string_view names[] = {"action-images-5b", "wan2.2-ti2v-5b", "wan2.1-t2v-1.3b", "wan2.1-t2v-14b"};

// A published transformer, with camera layers: direction and moment, each as wide as the latents.
WanConfig with_cameras(std::string_view name) {
  WanConfig config = wan_preset(name);
  config.camera_channels = 2 * config.out_dim;
  return config;
}

}  // namespace

std::vector<std::string> world_preset_names() { return {std::begin(names), std::end(names)}; }

WorldConfig released_world_config(const WanConfig& transformer, const UMT5Config& text, const nlohmann::json& vae) {
  WorldConfig config;
  config.name = world_preset_of(transformer);
  config.codec.convention = Convention::release;
  config.camera_axes = RayAxes::mirrored;
  config.truncate = true;
  config.empty_prompts = true;
  config.transformer = transformer;
  config.text = text;
  config.vae = vae;
  return config;
}

WorldConfig world_preset(std::string_view name) {
  bool known = false;
  for (const std::string_view preset : names) known = known || name == preset;
  check(known, "world::world_preset", "name", "action-images-5b, wan2.2-ti2v-5b, wan2.1-t2v-1.3b or wan2.1-t2v-14b",
        text_of('"', name, '"'));
  const WanConfig transformer = with_cameras(name);
  const char* version = transformer.out_dim == 48 ? "2.2" : "2.1";
  WorldConfig config = released_world_config(transformer, UMT5Config(), {{"kind", "wan"}, {"version", version}});
  config.name = name;
  return config;
}

std::string world_preset_of(const WanConfig& transformer) {
  const nlohmann::json sizes = wan_config_json(transformer);
  for (const std::string_view name : names) {
    if (wan_config_json(with_cameras(name)) == sizes) return std::string(name);
  }
  return "released";
}

}  // namespace action_images
