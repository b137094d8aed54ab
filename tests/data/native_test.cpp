// SPDX-License-Identifier: Apache-2.0
#include <action_images/data/native.hpp>

#include <algorithm>
#include <fstream>
#include <numeric>

#include <doctest/doctest.h>

#include <action_images/core/file.hpp>
#include <action_images/core/interrupted.hpp>

#include "episodes.hpp"

#ifdef ACTION_IMAGES_WITH_FFMPEG

using namespace action_images;
namespace fs = std::filesystem;

namespace {

std::vector<std::int64_t> all_frames(const Episode& episode) {
  std::vector<std::int64_t> frames(static_cast<std::size_t>(episode.frames));
  std::iota(frames.begin(), frames.end(), 0);
  return frames;
}

void check_equal(const Episode& one, const Episode& other) {
  CHECK(one.texts == other.texts);
  CHECK(one.frames == other.frames);
  CHECK(one.frame_rate == other.frame_rate);
  CHECK(one.interval == other.interval);
  REQUIRE(one.actions.has_value() == other.actions.has_value());
  if (one.actions) CHECK(matrix_from_trajectory(*one.actions) == matrix_from_trajectory(*other.actions));
  REQUIRE(one.views.size() == other.views.size());
  for (std::size_t view = 0; view < one.views.size(); ++view) {
    const EpisodeView &a = one.views[view], &b = other.views[view];
    const int height = a.cameras[0].height(), width = a.cameras[0].width();
    CHECK(a.name == b.name);
    CHECK(a.pictures->read(all_frames(one), height, width).rgb == b.pictures->read(all_frames(one), height, width).rgb);
    for (std::size_t t = 0; t < static_cast<std::size_t>(one.frames); ++t) {
      const Camera& expected = a.cameras[std::min(t, a.cameras.size() - 1)];
      const Camera& got = b.cameras[std::min(t, b.cameras.size() - 1)];
      CHECK(expected.intrinsics() == got.intrinsics());
      CHECK(expected.world_from_camera().matrix() == got.world_from_camera().matrix());
    }
  }
}

}  // namespace

TEST_CASE("episodes written without loss come back as they were, whatever their views are") {
  const made::Folder folder;
  for (const made::Kind& kind :
       {made::Kind{}, made::Kind{.frames = 1, .views = 1}, made::Kind{.frames = 40, .views = 3, .moving = true}}) {
    const made::Episodes source("made", 2, kind);
    const fs::path set = folder / std::to_string(kind.frames);
    write_native(source, set, {.lossless = true, .threads = 2});
    const auto opened = open_episodes(set.string());
    REQUIRE(opened->size() == 2);
    for (std::int64_t i = 0; i < 2; ++i) check_equal(source.episode(i), opened->episode(i));
  }
}

TEST_CASE("writing that was stopped is not a data set, and goes on where it was") {
  const made::Folder folder;
  const made::Episodes source("made", 5);
  WriteNativeOptions options{.lossless = true, .progress = [](std::int64_t done, std::int64_t) { return done < 3; }};
  CHECK_THROWS_AS(write_native(source, folder / "set", options), Interrupted);
  CHECK_THROWS_AS(open_native(folder / "set"), FormatError);
  const fs::path kept = folder / "set" / "episodes" / "000001" / "episode.json";
  const auto written = fs::last_write_time(kept);
  std::int64_t reported = 0;
  options.progress = [&](std::int64_t done, std::int64_t total) {
    CHECK(total == 5);
    reported = done;
    return true;
  };
  write_native(source, folder / "set", options);
  CHECK(reported == 5);
  CHECK(fs::last_write_time(kept) == written);
  CHECK(open_native(folder / "set")->size() == 5);
  CHECK(!fs::exists(folder / "set" / "writing.json"));
}

TEST_CASE("the fingerprint is that of the files") {
  const made::Folder folder;
  write_native(made::Episodes("made", 2), folder / "one");
  const auto opened = open_native(folder / "one");
  const std::string before = opened->fingerprint();
  CHECK(before == open_native(folder / "one")->fingerprint());
  const fs::path csv = folder / "one" / "episodes" / "000001" / "actions.csv";
  std::string text = read_file(csv, 1 << 20, "test");
  text[text.size() - 2] = text[text.size() - 2] == '1' ? '2' : '1';
  write_file(csv, text, "test");
  CHECK(before != opened->fingerprint());
}

TEST_CASE("views of one name, or with names that are none for files, keep their pictures apart") {
  struct Odd : made::Episodes {
    Odd() : made::Episodes("odd", 1) {}
    Episode episode(std::int64_t index) const override {
      Episode episode = made::Episodes::episode(index);
      for (EpisodeView& view : episode.views) view.name = "../front camera";
      return episode;
    }
  };
  const made::Folder folder;
  write_native(Odd(), folder / "set", {.lossless = true});
  const Episode episode = open_native(folder / "set")->episode(0);
  const std::vector<std::int64_t> first{0};
  CHECK(episode.views[0].name != episode.views[1].name);
  CHECK(episode.views[1].pictures->read(first, 24, 32).rgb == made::pictures(1, 24, 32, 1).rgb);
  CHECK(!fs::exists(folder / "front camera.mp4"));
}

TEST_CASE("damage is named with its file") {
  const made::Folder folder;
  write_native(made::Episodes("made", 1), folder / "set");
  const auto opened = open_native(folder / "set");
  const fs::path episode = folder / "set" / "episodes" / "000000";
  const auto message = [&] {
    try {
      const Episode read = opened->episode(0);
      read.views[1].pictures->read(std::vector<std::int64_t>{0}, 24, 32);
    } catch (const FormatError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(message().empty());
  fs::resize_file(episode / "cam1.mp4", 300);
  CHECK(message().find("cam1.mp4") != std::string::npos);
  write_file(episode / "actions.csv", "x,y\n1,2\n", "test");
  CHECK(message().find("actions.csv") != std::string::npos);
  write_file(episode / "episode.json", "{\"format\": \"another\"}", "test");
  CHECK(message().find("episode.json: format") != std::string::npos);
  CHECK_THROWS_AS(opened->episode(1), ValueError);
}

#endif
