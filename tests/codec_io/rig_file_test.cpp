// SPDX-License-Identifier: Apache-2.0
#include <action_images/codec_io.hpp>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

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
  CHECK(loaded.names() == std::vector<std::string>{"view_0", "view_1", "view_2"});
  for (std::size_t view = 0; view < 3; ++view) {
    CHECK(loaded[view].intrinsics() == rig[view].intrinsics());
    CHECK(loaded[view].world_from_camera().matrix() == rig[view].world_from_camera().matrix());
  }
}

TEST_CASE("a rig file keeps the sign of a zero") {
  json document = some_document();
  document["views"][0]["world_from_camera"] = {{1, -0.0, 0, 0}, {0, 1, -0.0, -0.0}, {0, 0, 1, 0}, {0, 0, 0, 1}};
  const std::string written = text_from_rig(rig_from_json(document));
  CHECK(text_from_rig(rig_from_text(written)) == written);
  CHECK(written.find("-0.0") != std::string::npos);
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
  document["version"] = 3;
  CHECK(message_of(document) == "[codec_io::load_rig] rig.json: version: expected 1 or 2, got 3");
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

TEST_CASE("lenses, names and cameras that move are kept exactly") {
  const Camera first = test::camera_around(0.3, 64);
  const Distortion brown(LensModel::brown_conrady, {0.1, -0.02, 1e-3, 1.0 / 3.0 * 1e-3, 0.01});
  const Distortion fisheye(LensModel::fisheye, {0.1, -0.02, 1e-3, 2e-4});
  const Camera wide(first.intrinsics(), first.world_from_camera().matrix(), 64, 64, fisheye);
  std::vector<Camera> wrist, zoom;
  for (int t = 0; t < 5; ++t) {
    wrist.emplace_back(first.intrinsics(), test::camera_around(0.3 + 0.1 * t, 64).world_from_camera().matrix(), 64, 64,
                       brown);
    const Eigen::Matrix3d intrinsics =
        Eigen::Vector3d(1.0 + 0.1 * t, 1.0 + 0.1 * t, 1.0).asDiagonal() * first.intrinsics();
    zoom.emplace_back(intrinsics, first.world_from_camera().matrix(), 64, 64);
  }
  const std::vector<Camera> still(5, wide);
  const std::vector<std::string> names{"wrist", "zo\"om \u00e4", "still"};
  for (const Rig& rig : {Rig::moving({wrist, zoom, {wide}}).named(names), Rig::moving({still}),
                         Rig::moving({still, still}), Rig({wide, first})}) {
    const Rig loaded = rig_from_text(text_from_rig(rig));
    REQUIRE(loaded.size() == rig.size());
    REQUIRE(loaded.frames() == rig.frames());
    CHECK(loaded.names() == rig.names());
    CHECK(std::equal(loaded.begin(), loaded.end(), rig.begin(), rig.end(), detail::same_camera));
    CHECK(text_from_rig(loaded) == text_from_rig(rig));
  }
}

TEST_CASE("poses may be written in the axes of others") {
  const Rig rig = test::rig_around(2, 64);
  for (const char* name : {"opencv", "opengl", "blender", "pytorch3d", "ros"}) {
    json document = some_document();
    for (std::size_t view = 0; view < 2; ++view) {
      const Eigen::Matrix4d pose = pose_to_axes(rig[view].world_from_camera().matrix(), camera_axes_from_name(name));
      document["views"][view]["world_from_camera"] = detail::json_from_matrix(pose);
      document["views"][view]["axes"] = name;
    }
    const Rig loaded = rig_from_json(document);
    CHECK(std::equal(loaded.begin(), loaded.end(), rig.begin(), rig.end(), detail::same_camera));
  }
}

TEST_CASE("views are taken by name and moving ones to a number of frames") {
  std::vector<Camera> wrist;
  for (int t = 0; t < 3; ++t) wrist.push_back(test::camera_around(0.1 * t, 64));
  const Rig rig = Rig::moving({{test::camera_around(1.0, 64)}, wrist}).named({"front", "wrist"});
  const std::string text = text_from_rig(rig);
  RigFileOptions options;
  options.views = {"wrist", "front"};
  options.frames = 5;
  const Rig taken = rig_from_text(text, "rig.json", options);
  CHECK(taken.names() == options.views);
  REQUIRE(taken.frames() == 5);
  CHECK(detail::same_camera(taken.camera(0, 1), wrist[1]));
  CHECK(detail::same_camera(taken.camera(0, 4), wrist[2]));
  CHECK(taken.relative_to_first().names() == options.views);
  CHECK(taken.clip(0, 2).names() == options.views);
  options.frames = 2;
  CHECK(rig_from_text(text, "rig.json", options).frames() == 2);
  options.views = {"side"};
  CHECK_THROWS_WITH_AS(rig_from_text(text, "rig.json", options),
                       "[codec_io::load_rig] views: expected names among \"front\", \"wrist\", got \"side\"",
                       ValueError);
  options = {};
  options.width = 32;
  CHECK_THROWS_WITH_AS(rig_from_text(text, "rig.json", options),
                       "[codec_io::load_rig] width, height: expected the file's 64, 64, got 32, 0", ValueError);
  CHECK_THROWS_AS(rig.named({"one"}), ShapeError);
}

TEST_CASE("wrong fields of version 2 are named") {
  const auto message_of = [](const json& view) -> std::string {
    try {
      rig_from_json({{"views", {view}}}, "rig.json");
    } catch (const FormatError& error) {
      return error.what();
    }
    return "";
  };
  const json view = some_document()["views"][0];
  const json pose = view["world_from_camera"];
  json wrong = view;
  wrong["poses"] = {pose};
  CHECK(message_of(wrong).find("views[0]: expected one of \"world_from_camera\" and \"poses\"") != std::string::npos);
  wrong.erase("world_from_camera");
  wrong["poses"] = {pose, pose, pose};
  wrong["poses"][2][0][0] = 2.0;
  CHECK(message_of(wrong).find("views[0].poses[2]: [codec::Camera] world_from_camera") != std::string::npos);
  wrong["poses"] = {pose, pose};
  wrong["intrinsics"] = {view["intrinsics"]};
  CHECK(message_of(wrong).find("views[0].intrinsics: expected as many matrices as poses, got an array of 1") !=
        std::string::npos);
  wrong["poses"] = json::array();
  CHECK(message_of(wrong).find("views[0].poses: expected an array of 1..262144 poses") != std::string::npos);
  wrong = view;
  wrong["axes"] = "left";
  CHECK(message_of(wrong).find("views[0]: [codec::camera_axes_from_name] axes: expected") != std::string::npos);
  wrong = view;
  wrong["distortion"] = {0.1, 0.2, 0.3};
  CHECK(message_of(wrong).find("[codec::Distortion] coefficients: expected 4, 5 or 8") != std::string::npos);
  wrong["distortion"] = {0.1, 0.2, 0.3, "0"};
  CHECK(message_of(wrong) == "[codec_io::load_rig] rig.json: views[0].distortion[3]: expected a number, got \"0\"");
  wrong = view;
  wrong["name"] = 3;
  CHECK(message_of(wrong) == "[codec_io::load_rig] rig.json: views[0].name: expected a string, got 3");
  wrong = {{"views", {view, view}}};
  wrong["views"][0].erase("world_from_camera");
  wrong["views"][1].erase("world_from_camera");
  wrong["views"][0]["poses"] = {pose, pose};
  wrong["views"][1]["poses"] = {pose, pose, pose};
  CHECK_THROWS_WITH_AS(rig_from_json(wrong, "rig.json"),
                       doctest::Contains("rig.json: views: [codec::Rig] cameras: expected"), FormatError);
}

TEST_CASE("a document that is nested too deep is refused, not followed") {
  const std::string deep = std::string(200000, '[') + std::string(200000, ']');
  CHECK_THROWS_WITH_AS(rig_from_text(deep, "deep.json"),
                       "[codec_io::load_rig] deep.json: expected JSON nested at most 12 deep, got a deeper one",
                       FormatError);
  CHECK_THROWS_AS(rig_from_text("{\"views\": [{\"width\": 1e999}]}"), FormatError);
}

TEST_CASE("a view with very many frames does not multiply the cameras of the others without limit") {
  json document = some_document();
  const json pose = document["views"][0]["world_from_camera"];
  document["views"][0].erase("world_from_camera");
  document["views"][0]["poses"] = json::array({pose, pose});
  for (int view = 2; view < 200; ++view) document["views"].push_back(document["views"][1]);
  RigFileOptions options;
  options.frames = 5000;
  CHECK_THROWS_WITH_AS(rig_from_json(document, "rig.json", options),
                       doctest::Contains("expected at most 262144 cameras, got 200 of 5000 frames"), FormatError);
  for (json& view : document["views"]) view = document["views"][0];
  options.frames = 262144;
  CHECK_THROWS_WITH_AS(rig_from_json(document, "rig.json", options),
                       doctest::Contains("expected at most 262144 cameras, got 200 of 262144 frames"), FormatError);
}
