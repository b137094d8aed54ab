// SPDX-License-Identifier: Apache-2.0
#include <action_images/wan/config.hpp>

#include <fstream>
#include <string>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <action_images/core/error.hpp>

using namespace action_images;
using nlohmann::json;

TEST_CASE("presets have the published sizes") {
  const WanConfig small = wan_preset("wan2.1-t2v-1.3b");
  CHECK(small.dim == 1536);
  CHECK(small.ffn_dim == 8960);
  CHECK(small.num_heads == 12);
  CHECK(small.num_layers == 30);
  CHECK(small.in_dim == 16);
  CHECK(wan_preset("wan2.1-t2v-14b").num_layers == 40);
  CHECK(wan_preset("wan2.2-ti2v-5b").camera_channels == 0);
  const WanConfig image = wan_preset("wan2.1-i2v-14b-480p");
  CHECK(image.has_image_input);
  CHECK(image.in_dim == 36);
  CHECK(image.out_dim == 16);
  const WanConfig released = wan_preset("action-images-5b");
  CHECK(released.dim == 3072);
  CHECK(released.camera_channels == 96);
  CHECK(released.camera_pool == std::array<std::int64_t, 3>{48, 16, 16});
}

TEST_CASE("every preset makes a network and survives JSON") {
  for (const char* name :
       {"wan2.2-ti2v-5b", "wan2.1-t2v-1.3b", "wan2.1-t2v-14b", "wan2.1-i2v-14b-480p", "action-images-5b", "embedded"}) {
    const json written = wan_config_json(wan_preset(name));
    CHECK(wan_config_json(wan_config(written)) == written);
  }
}

TEST_CASE("the preset of the embedded model is the transformer of its weights") {
  std::ifstream file(std::string(ACTION_IMAGES_MODELS) + "/embedded/config.json");
  REQUIRE(file.good());
  CHECK(wan_config_json(wan_config(json::parse(file).at("transformer"))) == wan_config_json(wan_preset("embedded")));
}

TEST_CASE("keys change a preset") {
  const WanConfig config = wan_config({{"preset", "wan2.1-t2v-1.3b"}, {"num_layers", 2}, {"image_stem", {8, 16}}});
  CHECK(config.dim == 1536);
  CHECK(config.num_layers == 2);
  CHECK(config.image_stem == std::vector<std::int64_t>{8, 16});
}

TEST_CASE("a config that is wrong says which key") {
  const auto message = [](const json& config) -> std::string {
    try {
      wan_config(config);
    } catch (const ValueError& error) {
      return error.what();
    }
    return "accepted";
  };
  CHECK(message({{"layers", 3}}) == "[wan::wan_config] config: expected documented keys only, got \"layers\"");
  CHECK(message({{"dim", 2.5}}) == "[wan::wan_config] config.dim: expected a whole number, got 2.5");
  CHECK(message({{"dim", true}}) == "[wan::wan_config] config.dim: expected a whole number, got true");
  CHECK(message({{"dim", -24}}) == "[wan::wan_config] dim: expected a positive number, got -24");
  CHECK(message({{"patch_size", {1, 2}}}) ==
        "[wan::wan_config] config.patch_size: expected a list of 3, each a whole number, got [1,2]");
  CHECK(message({{"has_image_input", 1}}) == "[wan::wan_config] config.has_image_input: expected true or false, got 1");
  CHECK(message({{"eps", "small"}}) == "[wan::wan_config] config.eps: expected a number, got \"small\"");
  CHECK(message({{"freq_dim", 31}}).find("freq_dim: expected a positive even number") != std::string::npos);
  CHECK(message({{"camera_channels", 6}, {"patch_size", {2, 2, 2}}}).find("patch_size") != std::string::npos);
  CHECK(message({{"preset", "wan3"}}).find("expected action-images-5b, embedded, wan2.1-i2v-14b-480p") != std::string::npos);
  CHECK(message(json::array()) == "[wan::wan_config] config: expected an object, got array");
}
