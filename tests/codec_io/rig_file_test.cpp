// SPDX-License-Identifier: Apache-2.0
#include <action_images/codec_io.hpp>

#include <filesystem>
#include <string>

#include <doctest/doctest.h>

#include "../codec/scenes.hpp"

using namespace action_images;
using nlohmann::json;

namespace {

struct TemporaryPath {
  std::filesystem::path path;
  explicit TemporaryPath(const std::string& name)
      : path(std::filesystem::temp_directory_path() / (std::to_string(::getpid()) + name)) {}
  ~TemporaryPath() { std::filesystem::remove(path); }
};

json some_document() { return json::parse(json_from_rig(test::rig_around(2, 64)).dump()); }

}  // namespace

TEST_CASE("a rig file keeps every number") {
  const TemporaryPath file("rig.json");
  const Rig rig = test::rig_around(3, 48, -1.0);
  save_rig(rig, file.path);
  const Rig loaded = load_rig(file.path);
  REQUIRE(loaded.size() == 3);
  CHECK(loaded.width() == 48);
  for (std::size_t view = 0; view < 3; ++view) {
    CHECK(loaded[view].intrinsics() == rig[view].intrinsics());
    CHECK(loaded[view].world_from_camera().matrix() == rig[view].world_from_camera().matrix());
  }
}

TEST_CASE("format, version and names may be absent") {
  json document = some_document();
  document.erase("format");
  document.erase("version");
  for (json& view : document["views"]) view.erase("name");
  CHECK(rig_from_json(document).size() == 2);
}

TEST_CASE("a wrong field is named") {
  const auto message_of = [](const json& document) -> std::string {
    try {
      rig_from_json(document, "rig.json");
    } catch (const FormatError& error) {
      return error.what();
    }
    return "";
  };
  json document = some_document();
  document["views"][1]["width"] = 0;
  CHECK(message_of(document) ==
        "[codec_io::load_rig] rig.json: views[1].width: expected a whole number in 1..16384, got 0");
  document = some_document();
  document["views"][1]["intrinsics"][2][0] = "a";
  CHECK(message_of(document) ==
        "[codec_io::load_rig] rig.json: views[1].intrinsics[2][0]: expected a number, got \"a\"");
  document = some_document();
  document["views"][0]["world_from_camera"].erase(3);
  CHECK(message_of(document).find("views[0].world_from_camera: expected 4 rows of 4 numbers") != std::string::npos);
  document = some_document();
  document["views"][0]["world_from_camera"][0][0] = 3.0;
  CHECK(message_of(document).find("views[0]: [codec::Camera] world_from_camera") != std::string::npos);
  document = some_document();
  document["views"][0].erase("height");
  CHECK(message_of(document).find("views[0]: expected an object with \"height\"") != std::string::npos);
  document = some_document();
  document["version"] = 2;
  CHECK(message_of(document) == "[codec_io::load_rig] rig.json: version: expected 1, got 2");
  document = some_document();
  document["views"][0]["height"] = 32;
  CHECK(message_of(document).find("views of equal width and height") != std::string::npos);
  CHECK(message_of(json::array()).find("an object with \"views\"") != std::string::npos);
}

TEST_CASE("a file that is no JSON is refused with its line") {
  const TemporaryPath file("broken.json");
  write_file(file.path, "{\n\"views\": [,]\n}", "test");
  CHECK_THROWS_WITH_AS(load_rig(file.path), doctest::Contains("line 2"), FormatError);
  CHECK_THROWS_WITH_AS(load_rig("/nowhere/rig.json"), doctest::Contains("/nowhere/rig.json: expected a readable file"),
                       FormatError);
}
