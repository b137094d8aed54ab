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

/// A folder that is gone after the test.
struct TemporaryFolder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / (std::to_string(::getpid()) + "camera_params_test");
  TemporaryFolder() {
    for (const char* view : {"view0", "view1"}) std::filesystem::create_directories(path / view);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }

  std::vector<std::filesystem::path> params() const {
    return {path / "view0" / "camera_params.json", path / "view1" / "camera_params.json"};
  }
};

Rig moving_rig() {
  std::vector<std::vector<Camera>> views(2);
  for (int t = 0; t < 12; ++t) views[0].push_back(test::camera_around(-0.7 + 0.1 * t, 64, -1.0));
  views[1].push_back(test::camera_around(0.7, 64, -1.0));
  return Rig::moving(views);
}

RigFileOptions sized(std::size_t frames = 0) {
  RigFileOptions options;
  options.width = options.height = 64;
  options.frames = frames;
  return options;
}

json entry(double azimuth) {
  const Camera camera = test::camera_around(azimuth, 64, -1.0);
  return {{"intrinsics", detail::json_from_matrix(camera.intrinsics())},
          {"extrinsics", detail::json_from_matrix(camera.world_from_camera().matrix())}};
}

bool equal(const Rig& a, const Rig& b) {
  return a.size() == b.size() && a.frames() == b.frames() &&
         std::equal(a.begin(), a.end(), b.begin(), b.end(), detail::same_camera);
}

}  // namespace

TEST_CASE("camera parameters of RLBench are written and read again, negative focal lengths and all") {
  const TemporaryFolder folder;
  for (const Rig& rig : {moving_rig(), test::rig_around(2, 64, -1.0)}) {
    save_camera_params(rig, folder.params());
    const Rig loaded = load_camera_params(folder.params(), sized());
    CHECK(equal(loaded, rig));
    CHECK(loaded.names() == std::vector<std::string>{"view0", "view1"});
  }
}

TEST_CASE("a view keeps its last camera past its end, and one that is the same in all frames stands still") {
  const TemporaryFolder folder;
  write_file(folder.params()[0], json{{"0000", entry(0.1)}, {"0001", entry(0.2)}}.dump(), "test");
  write_file(folder.params()[1], json{{"0000", entry(0.7)}, {"0001", entry(0.7)}, {"0002", entry(0.7)}}.dump(), "test");
  const Rig rig = load_camera_params(folder.params(), sized(5));
  REQUIRE(rig.frames() == 5);
  CHECK(detail::same_camera(rig.camera(0, 4), test::camera_around(0.2, 64, -1.0)));
  CHECK(load_camera_params(folder.params(), sized()).frames() == 2);
  CHECK_FALSE(load_camera_params({folder.params()[1]}, sized(5)).is_moving());
}

TEST_CASE("frames are in the order of their numbers, not of their names") {
  const json document{{"10", entry(0.10)}, {"9", entry(0.09)}, {"0100", entry(1.0)}};
  const auto cameras = cameras_from_camera_params(document, sized());
  REQUIRE(cameras.size() == 3);
  CHECK(detail::same_camera(cameras[0], test::camera_around(0.09, 64, -1.0)));
  CHECK(detail::same_camera(cameras[2], test::camera_around(1.0, 64, -1.0)));
}

TEST_CASE("cameras of DROID are written and read again, under their names") {
  const TemporaryFolder folder;
  const Rig rig = test::rig_around(3, 64).named({"wrist", "ext1", "ext2"});
  save_droid_cameras(rig, folder.path / "camera.json");
  RigFileOptions options = sized();
  CHECK(load_droid_cameras(folder.path / "camera.json", options).names() ==
        std::vector<std::string>{"ext1", "ext2", "wrist"});
  options.views = rig.names();
  CHECK(equal(load_droid_cameras(folder.path / "camera.json", options), rig));
  CHECK_THROWS_WITH_AS(save_droid_cameras(rig.named({"a", "b", "a"}), folder.path / "camera.json"),
                       "[codec_io::save_droid_cameras] rig.names: expected a name of its own for every view, got a",
                       ValueError);
  CHECK_THROWS_AS(save_droid_cameras(moving_rig(), folder.path / "camera.json"), ValueError);
}

TEST_CASE("load_rig tells the kinds of files apart") {
  const TemporaryFolder folder;
  const Rig rig = test::rig_around(2, 64, -1.0);
  save_rig(rig, folder.path / "a");
  save_camera_params(moving_rig(), folder.params());
  save_droid_cameras(rig, folder.path / "b");
  CHECK(equal(load_rig(folder.path / "a"), rig));
  CHECK(equal(load_rig(folder.path / "b", sized()), rig));
  const Rig view = load_rig(folder.params()[0], sized());
  CHECK(view.frames() == 12);
  CHECK(view.names() == std::vector<std::string>{"view0"});
  CHECK_THROWS_WITH_AS(
      load_rig(folder.path / "b"),
      "[codec_io::load_droid_cameras] width, height: expected the size of the pictures in px, which the "
      "file does not say, got 0, 0",
      ValueError);
}

TEST_CASE("a wrong entry is named") {
  const auto message_of = [](const json& document) -> std::string {
    try {
      cameras_from_camera_params(document, sized(), "c.json");
    } catch (const FormatError& error) {
      return error.what();
    }
    return "";
  };
  const std::string where = "[codec_io::load_camera_params] c.json: ";
  CHECK(message_of({{"0000", entry(0.1)}, {"first", entry(0.1)}}) ==
        where + "first: expected keys that are the numbers of frames, such as \"0012\", got an object of 2");
  CHECK(message_of({{"0000", entry(0.1)}, {"00", entry(0.1)}}) ==
        where + "0000: expected one entry for every frame, got an object of 2");
  CHECK(message_of({{"0000", 3}}) == where + "0000: expected an object with \"intrinsics\", got 3");
  CHECK(message_of(json::object()).find("an object with 1..262144 frames") != std::string::npos);
  json reflected = entry(0.1);
  for (int row = 0; row < 3; ++row) reflected["extrinsics"][row][0] = -reflected["extrinsics"][row][0].get<double>();
  CHECK(message_of({{"7", reflected}}) ==
        where +
            "7: [codec::Camera] world_from_camera: expected a rotation with determinant +1, got a reflection "
            "(determinant -1)");
}
