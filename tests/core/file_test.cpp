// SPDX-License-Identifier: Apache-2.0
#include <action_images/core/file.hpp>

#include <filesystem>
#include <iterator>
#include <string>

#include <doctest/doctest.h>

using namespace action_images;

namespace {

struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("action_images_core_" + std::to_string(::getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  auto files() const {
    return std::distance(std::filesystem::directory_iterator(path), std::filesystem::directory_iterator());
  }
};

}  // namespace

TEST_CASE("what is written is read back, and nothing else stays in the folder") {
  const Folder folder;
  write_file(folder.path / "a.txt", "one", "core::test");
  write_file(folder.path / "a.txt", std::string("two\0three", 9), "core::test");
  CHECK(read_file(folder.path / "a.txt", 100, "core::test") == std::string("two\0three", 9));
  CHECK(folder.files() == 1);
}

TEST_CASE("a failing write leaves nothing behind") {
  const Folder folder;
  std::filesystem::create_directory(folder.path / "taken");
  CHECK_THROWS_AS(write_file(folder.path / "taken", "x", "core::test"), FormatError);
  CHECK_THROWS_AS(write_file(folder.path / "absent" / "a.txt", "x", "core::test"), FormatError);
  CHECK(folder.files() == 1);
}

TEST_CASE("files that are absent or too large are refused by name") {
  const Folder folder;
  const auto path = folder.path / "a.txt";
  CHECK_THROWS_WITH_AS(read_file(path, 2, "core::test"),
                       doctest::Contains("a.txt: expected a readable file, got No such file"), FormatError);
  write_file(path, "one", "core::test");
  CHECK_THROWS_WITH_AS(read_file(path, 2, "core::test"), doctest::Contains("a.txt: expected at most 2 bytes, got 3"),
                       FormatError);
}
