// SPDX-License-Identifier: Apache-2.0
// Files that are damaged, changed or strange, and indices that are kept on disk.
#ifdef ACTION_IMAGES_WITH_FFMPEG
#include <doctest/doctest.h>

#include <chrono>
#include <numeric>

#include "../../src/video/index_file.hpp"
#include "encoded.hpp"

using namespace action_images;
using namespace action_images::test;

namespace {

using Numbers = std::vector<std::int64_t>;

std::string opening_error(const std::filesystem::path& path) {
  return error_of([&] { VideoReader reader(path); });
}

/// Gives a file another time of change: indices of its old state are stale.
void touch(const std::filesystem::path& path) {
  std::filesystem::last_write_time(path, std::filesystem::last_write_time(path) + std::chrono::seconds(2));
}

}  // namespace

TEST_CASE("a file that is no video, is not there, is cut or has no frame is named when it is opened") {
  const Folder folder;
  CHECK(opening_error(folder / "nothing.mp4").find((folder / "nothing.mp4").string()) != std::string::npos);
  write_bytes(folder / "empty.mp4", "");
  CHECK(opening_error(folder / "empty.mp4").find("an empty file") != std::string::npos);
  write_bytes(folder / "text.mp4", std::string(5000, 'x'));
  CHECK(opening_error(folder / "text.mp4").find("a picture or a video") != std::string::npos);
  CHECK(opening_error(folder / ".") != "");
  write_video(folder / "whole.mp4", waves(20, 64, 64));
  const std::string bytes = bytes_of(folder / "whole.mp4");
  for (std::size_t size = 1; size < bytes.size(); size += bytes.size() / 23 + 1) {
    write_bytes(folder / "cut.mp4", bytes.substr(0, size));
    CHECK_THROWS_AS(VideoReader(folder / "cut.mp4"), FormatError);
  }
}

TEST_CASE("a frame behind damage is named; frames that do not lean on it are read") {
  const Folder folder;
  const auto path = folder / "a.mp4";
  encode_to(path, waves(48, 96, 96), {.parameters = "keyint=12:bframes=2"});
  const VideoFrames whole = VideoReader(path).read(Numbers{3, 40});
  const auto index = ffmpeg::make_index(path, "test");
  std::string bytes = bytes_of(path);
  const ffmpeg::IndexedPacket& damaged = index->packets[std::size_t(index->frames[24].packet)];
  for (int i = 4; i < damaged.size; ++i) bytes[std::size_t(damaged.position + i)] = char(0xFF);
  write_bytes(path, bytes);
  touch(path);
  const VideoReader reader(path);
  CHECK(reader.frames() == 48);
  CHECK(reader.read(Numbers{3, 40}).rgb == whole.rgb);
  const std::string text = error_of([&] { reader.read(Numbers{3, 25, 27}); });
  CAPTURE(text);
  CHECK(text.find("[video::VideoReader::read] " + path.string() +
                  ": expected frame 25 and those it leans on undamaged") == 0);
}

TEST_CASE("numbers, sizes, threads and amounts out of range are named") {
  const Folder folder;
  const auto path = folder / "a.mp4";
  write_video(path, waves(5, 48, 64));
  const VideoReader reader(path);
  CHECK(error_of([&] {
          reader.read(Numbers{0, 5});
        }) == "[video::VideoReader::read] frames of " + path.string() + ": expected 0..4, got 5");
  CHECK_THROWS_AS(reader.read(Numbers{-1}), ValueError);
  CHECK(error_of([&] {
          reader.read(Numbers{0}, {0, 32});
        }).find("size: expected height and width of 1..16384") != std::string::npos);
  CHECK_THROWS_AS(reader.read(Numbers{0}, {16385, 32}), ValueError);
  CHECK(error_of([&] { reader.read(Numbers(22, 0), {16384, 16384}); }).find("at most 16 GiB") != std::string::npos);
  CHECK_THROWS_AS(VideoReader(path, {.threads = -1}), ValueError);
  CHECK(reader.read(Numbers{2}, {1, 1}).rgb.size() == 3);
}

TEST_CASE("a file that changed after it was opened is refused, and opened anew gives its new frames") {
  const Folder folder;
  const auto path = folder / "a.mp4";
  write_video(path, waves(5, 48, 64));
  const VideoReader reader(path);
  write_video(path, waves(9, 48, 64));
  CHECK(error_of([&] { reader.read(Numbers{0}); }).find("expected the file that was opened, got a changed one") !=
        std::string::npos);
  CHECK(VideoReader(path).frames() == 9);
}

TEST_CASE("an index on disk is used as long as its video is the same, and made anew when it is stale or damaged") {
  const Folder folder;
  const auto path = folder / "a.mp4", indices = folder / "indices";
  encode_to(path, waves(30, 48, 64), {.parameters = "keyint=10:bframes=2"});
  const auto made = ffmpeg::make_index(path, "test");
  ffmpeg::store_index(indices, path.string(), *made, "test");
  const auto loaded = ffmpeg::load_index(indices, path.string(), made->file);
  REQUIRE(loaded != nullptr);
  CHECK(loaded->packets.size() == made->packets.size());
  CHECK(loaded->frames.size() == 30);
  CHECK(loaded->by_position);
  CHECK(loaded->by_time);
  CHECK(loaded->fps == made->fps);
  CHECK(loaded->parameters->extradata_size == made->parameters->extradata_size);

  ffmpeg::FileState other = made->file;
  ++other.modified_ns;
  CHECK(ffmpeg::load_index(indices, path.string(), other) == nullptr);
  CHECK(ffmpeg::load_index(indices, (folder / "b.mp4").string(), made->file) == nullptr);

  const auto file = std::filesystem::directory_iterator(indices)->path();
  const std::string bytes = bytes_of(file);
  for (std::size_t at = 0; at < bytes.size(); at += 37) {
    std::string damaged = bytes;
    damaged[at] = char(damaged[at] + 1);
    write_bytes(file, damaged);
    CHECK(ffmpeg::load_index(indices, path.string(), made->file) == nullptr);
    write_bytes(file, bytes.substr(0, at));
    CHECK(ffmpeg::load_index(indices, path.string(), made->file) == nullptr);
  }

  const VideoFrames expected = VideoReader(path).read(Numbers{17, 3});
  touch(path);  // no longer in memory
  CHECK(VideoReader(path, {.index_folder = indices}).read(Numbers{17, 3}).rgb == expected.rgb);
  CHECK(bytes_of(file) != bytes);  // the damaged one was replaced
  CHECK(std::distance(std::filesystem::directory_iterator(indices), {}) == 1);
}

TEST_CASE("frames read through an index from disk are those of one that was just made") {
  const Folder folder;
  for (const std::string name : {"a.mp4", "a.mkv", "a.h264"}) {
    const auto path = folder / name, indices = folder / "indices";
    encode_to(path, waves(30, 48, 64), {.parameters = "keyint=10:bframes=2"});
    ffmpeg::store_index(indices, path.string(), *ffmpeg::make_index(path, "test"), "test");
    const Numbers numbers{29, 0, 17, 17};
    const VideoFrames loaded = VideoReader(path, {.index_folder = indices}).read(numbers);
    touch(path);  // no longer in memory
    const VideoReader made(path);
    CHECK(made.frames() == 30);
    CHECK(made.read(numbers).rgb == loaded.rgb);
  }
}
#endif
