// SPDX-License-Identifier: Apache-2.0
#ifdef ACTION_IMAGES_WITH_FFMPEG
#include <doctest/doctest.h>

#include "pictures.hpp"

using namespace action_images;
using namespace action_images::test;

TEST_CASE("a PNG read back is the picture that was written, at every size") {
  const Folder folder;
  for (const auto& [height, width] : {std::pair{1, 1}, {64, 64}, {37, 53}, {3, 200}}) {
    const VideoFrames image = waves(1, height, width);
    write_image(folder / "a.png", image);
    const VideoFrames read = read_image(folder / "a.png");
    CHECK(read.rgb == image.rgb);
    CHECK(read.frames == 1);
    CHECK(read.height == height);
    CHECK(read.width == width);
    CHECK(folder.count() == 1);
  }
}

TEST_CASE("a PNG cut anywhere is refused, never read as half a picture") {
  const Folder folder;
  write_image(folder / "whole.png", waves(1, 64, 64));
  const std::string bytes = bytes_of(folder / "whole.png");
  for (std::size_t size = 1; size + 12 < bytes.size(); size += bytes.size() / 97 + 1) {  // 12: the empty end chunk
    write_bytes(folder / "cut.png", bytes.substr(0, size));
    CHECK_THROWS_AS(read_image(folder / "cut.png"), FormatError);
  }
}

TEST_CASE("a PNG with a changed byte in its pixels is refused") {
  const Folder folder;
  write_image(folder / "whole.png", waves(1, 64, 64));
  std::string bytes = bytes_of(folder / "whole.png");
  bytes[bytes.size() / 2] ^= 0x20;
  write_bytes(folder / "changed.png", bytes);
  CHECK_THROWS_AS(read_image(folder / "changed.png"), FormatError);
}

TEST_CASE("what is not a picture is refused with the file's name") {
  const Folder folder;
  write_bytes(folder / "empty.png", "");
  write_bytes(folder / "text.png", "This is not a picture, whatever its name says.\n");
  write_bytes(folder / "list.m3u8", "#EXTM3U\n#EXTINF:1,\n" + (folder / "whole.png").string() + "\n#EXT-X-ENDLIST\n");
  write_image(folder / "whole.png", waves(1, 8, 8));
  for (const char* name : {"missing.png", "empty.png", "text.png", "list.m3u8", ""}) {
    const std::filesystem::path path = folder / name;
    CHECK_THROWS_AS(read_image(path), FormatError);
    CHECK(error_of([&] { read_image(path); }).find(path.string()) != std::string::npos);
  }
  CHECK(error_of([&] { read_image(folder / "empty.png"); }) ==
        "[video::read_image] " + (folder / "empty.png").string() +
            ": expected a picture or a video, got an empty file");
}

TEST_CASE("a picture that cannot be written leaves nothing behind") {
  const Folder folder;
  CHECK_THROWS_AS(write_image(folder / "no/such/folder/a.png", waves(1, 8, 8)), FormatError);
  CHECK_THROWS_AS(write_image(folder / "a.jpg", waves(1, 8, 8)), ValueError);
  CHECK_THROWS_AS(write_image(folder / "a.png", waves(2, 8, 8)), ShapeError);
  std::filesystem::create_directories(folder / "taken.png");
  CHECK_THROWS_AS(write_image(folder / "taken.png", waves(1, 8, 8)), FormatError);
  CHECK(folder.count() == 1);
}
#endif
