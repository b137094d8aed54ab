// SPDX-License-Identifier: Apache-2.0
#ifdef ACTION_IMAGES_WITH_FFMPEG
#include <doctest/doctest.h>

#include "pictures.hpp"

using namespace action_images;
using namespace action_images::test;

namespace {

double mean_difference(const VideoFrames& a, const VideoFrames& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.rgb.size(); ++i) sum += std::abs(int(a.rgb[i]) - int(b.rgb.at(i)));
  return sum / double(a.rgb.size());
}

VideoFrames plain(std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
  VideoFrames video{.rgb = {}, .frames = 2, .height = 32, .width = 32};
  for (int i = 0; i < 2 * 32 * 32; ++i) video.rgb.insert(video.rgb.end(), {red, green, blue});
  return video;
}

}  // namespace

TEST_CASE("a video read back has the same size, frame rate and, above 40 dB, the same smooth frames") {
  const Folder folder;
  for (const auto& [height, width] : {std::pair{64, 64}, {256, 320}, {63, 64}, {64, 37}, {35, 51}}) {
    const VideoFrames video = waves(9, height, width);
    write_video(folder / "a.mp4", video);
    const VideoFrames read = read_video(folder / "a.mp4");
    REQUIRE(read.frames == 9);
    REQUIRE(read.height == height);
    REQUIRE(read.width == width);
    CHECK(read.fps == doctest::Approx(30.0));
    CHECK(psnr(video, read) > 40.0);
    CHECK(mean_difference(video, read) < 2.0);
    CHECK(folder.count() == 1);
  }
}

TEST_CASE("pure colours keep their values: matrix and range are written and read alike") {
  const Folder folder;
  for (const auto& [red, green, blue] :
       {std::tuple{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {255, 255, 255}, {0, 0, 0}, {200, 90, 30}}) {
    const VideoFrames video = plain(std::uint8_t(red), std::uint8_t(green), std::uint8_t(blue));
    write_video(folder / "a.mp4", video);
    CHECK(mean_difference(video, read_video(folder / "a.mp4")) < 2.0);
  }
}

TEST_CASE("libx264rgb at crf 0 loses nothing, yuv444p at crf 0 the rounding only") {
  const Folder folder;
  const VideoFrames video = waves(5, 48, 50);
  write_video(folder / "rgb.mp4", video, {.crf = 0, .codec = "libx264rgb", .pixel_format = "rgb24"});
  CHECK(read_video(folder / "rgb.mp4").rgb == video.rgb);
  write_video(folder / "yuv.mp4", video, {.crf = 0, .pixel_format = "yuv444p"});
  CHECK(psnr(video, read_video(folder / "yuv.mp4")) > 49.0);
}

TEST_CASE("the same frames give the same bytes, with the index in front") {
  const Folder folder;
  const VideoFrames video = waves(12, 64, 64);
  write_video(folder / "a.mp4", video);
  write_video(folder / "b.mp4", video);
  const std::string bytes = bytes_of(folder / "a.mp4");
  CHECK(bytes == bytes_of(folder / "b.mp4"));
  CHECK(bytes.find("moov") < bytes.find("mdat"));
}

TEST_CASE("a range reads the frames that reading everything gives") {
  const Folder folder;
  write_video(folder / "a.mp4", waves(20, 32, 48), {.fps = 12.5});
  const VideoFrames all = read_video(folder / "a.mp4");
  const VideoFrames some = read_video(folder / "a.mp4", {.first = 7, .frames = 4});
  CHECK(all.fps == doctest::Approx(12.5));
  REQUIRE(some.frames == 4);
  CHECK(std::equal(some.rgb.begin(), some.rgb.end(), all.frame(7)));
  CHECK(read_video(folder / "a.mp4", {.first = 18, .frames = 9}).frames == 2);
  CHECK_THROWS_AS(read_video(folder / "a.mp4", {.first = 20}), FormatError);
  CHECK_THROWS_AS(read_video(folder / "a.mp4", {.first = -1}), ValueError);
}

TEST_CASE("a video cut anywhere is refused") {
  const Folder folder;
  write_video(folder / "whole.mp4", waves(20, 64, 64));
  const std::string bytes = bytes_of(folder / "whole.mp4");
  for (std::size_t size = 1; size < bytes.size(); size += bytes.size() / 41 + 1) {
    write_bytes(folder / "cut.mp4", bytes.substr(0, size));
    CHECK_THROWS_AS(read_video(folder / "cut.mp4"), FormatError);
  }
}

TEST_CASE("a writer destroyed before finish() leaves nothing, and an old file stays as it was") {
  const Folder folder;
  write_bytes(folder / "a.mp4", "old");
  {
    VideoWriter writer(folder / "a.mp4", 16, 16);
    writer.add(waves(1, 16, 16).rgb.data());
    CHECK(folder.count() == 2);
  }
  CHECK(folder.count() == 1);
  CHECK(bytes_of(folder / "a.mp4") == "old");
}

TEST_CASE("a writer refuses frames after finish(), and to finish nothing") {
  const Folder folder;
  const VideoFrames frame = waves(1, 16, 16);
  VideoWriter writer(folder / "a.mp4", 16, 16);
  CHECK_THROWS_AS(writer.finish(), ValueError);
  writer.add(frame.rgb.data());
  writer.finish();
  CHECK_THROWS_AS(writer.add(frame.rgb.data()), ValueError);
  CHECK_THROWS_AS(writer.finish(), ValueError);
  CHECK(read_video(folder / "a.mp4").frames == 1);
}

TEST_CASE("options out of range and folders that are not there are named, and leave nothing") {
  const Folder folder;
  const VideoFrames video = waves(2, 16, 16);
  const auto text = [&](const std::string& name, const VideoOptions& options) {
    return error_of([&] { write_video(folder / name, video, options); });
  };
  CHECK(text("a.mp4", {.fps = 0}) == "[video::write_video] fps: expected above 0 up to 1000, got 0");
  CHECK(text("a.mp4", {.crf = 52}) == "[video::write_video] crf: expected 0 to 51, got 52");
  CHECK(text("a.mp4", {.codec = "nothing"}).find("codec: expected a video encoder") != std::string::npos);
  CHECK(text("a.mp4", {.pixel_format = "nothing"}).find("pixel_format: expected a format") != std::string::npos);
  CHECK(text("a.unknown", {}).find("path: expected the ending of a video container") != std::string::npos);
  CHECK(text("no/folder/a.mp4", {}).find((folder / "no/folder/a.mp4").string()) != std::string::npos);
  CHECK_THROWS_AS(write_video(folder / "a.mp4", VideoFrames{}), ShapeError);
  CHECK(folder.count() == 0);
}
#endif
