// SPDX-License-Identifier: Apache-2.0
#include <action_images/tensor/weights.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

#include <unistd.h>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <action_images/core/check.hpp>
#include <action_images/core/file.hpp>
#include <action_images/core/interrupted.hpp>
#include <action_images/tensor/safetensors.hpp>

#include "torch_archive.hpp"

using namespace action_images;
using namespace action_images::torch_archive;

namespace fs = std::filesystem;

namespace {

// A folder that is removed when the test ends.
struct TemporaryFolder {
  fs::path path = fs::temp_directory_path() / text_of("action_images_weights_", ::getpid());
  TemporaryFolder() { fs::create_directories(path); }
  ~TemporaryFolder() { fs::remove_all(path); }
};

std::string error_of(const fs::path& path, const LoadOptions& options = {}) {
  try {
    load_tensors(path, options);
  } catch (const FormatError& error) {
    return error.what();
  }
  return "";
}

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a file of torch.save is read as it lies") {
  const TemporaryFolder folder;
  const float numbers[] = {1.5F, -2.0F};
  const std::string record(reinterpret_cast<const char*>(numbers), sizeof(numbers));
  write_file(folder.path / "a.pth", archive_of(pickle_of_two_floats(), record), "test");
  const TensorMap tensors = load_tensors(folder.path / "a.pth");
  REQUIRE(tensors.size() == 1);
  CHECK(at::equal(tensors.at("x"), at::tensor({1.5F, -2.0F})));
  CHECK(at::equal(load_tensors(folder.path / "a.pth", {.dtype = at::kBFloat16}).at("x"),
                  at::tensor({1.5F, -2.0F}).to(at::kBFloat16)));
  write_file(folder.path / "b.pth", archive_of(pickle_of_two_floats(), record.substr(1)), "test");
  CHECK(holds(error_of(folder.path / "b.pth"), "b.pth: storage 0: expected 2 elements of 4 bytes, got 7 bytes"));
}

TEST_CASE("a pickle that would call the system is refused by name") {
  const TemporaryFolder folder;
  const std::string pickle = std::string("\x80\2cos\nsystem\n") + text_instruction("true") + "\x85R.";
  write_file(folder.path / "a.pth", archive_of(pickle, ""), "test");
  CHECK(holds(error_of(folder.path / "a.pth"), "got the global os system"));
}

TEST_CASE("weights that keep their dtype are mapped, and cast ones are their own") {
  const TemporaryFolder folder;
  const at::Tensor values = at::arange(1 << 14, at::kFloat);
  save_safetensors(folder.path / "a.safetensors", {{"x", values}, {"count", at::arange(3)}});
  const MappedWeights weights(folder.path / "a.safetensors");
  CHECK(weights.files() == std::vector<fs::path>{folder.path / "a.safetensors"});
  const at::Tensor& x = weights.tensors().at("x");
  CHECK(at::equal(x, values));
  CHECK(at::equal(weights.copy(x, at::kHalf, at::kCPU), values.to(at::kHalf)));
  weights.release(x);
  CHECK(at::equal(x, values));
  const TensorMap cast = load_tensors(folder.path, {.dtype = at::kDouble});
  CHECK(at::equal(cast.at("x"), values.to(at::kDouble)));
  CHECK((cast.at("count").scalar_type() == at::kLong));
}

TEST_CASE("releasing a tensor leaves its neighbours as they were written") {
  const TemporaryFolder folder;
  save_safetensors(folder.path / "a.safetensors", {{"a", at::zeros({5000})}, {"b", at::zeros({5000})}});
  const MappedWeights weights(folder.path / "a.safetensors");
  weights.tensors().at("b").fill_(3.0);
  weights.release(weights.tensors().at("a"));
  CHECK(weights.tensors().at("b").sum().item<double>() == 15000.0);
}

TEST_CASE("a progress callback sees every byte and stops the loading") {
  const TemporaryFolder folder;
  save_safetensors(folder.path / "a.safetensors", {{"x", at::zeros({1000})}, {"y", at::zeros({24})}});
  LoadProgress last;
  const auto note = [&](const LoadProgress& progress) {
    last = progress;
    return true;
  };
  load_tensors(folder.path / "a.safetensors", {.progress = note});
  CHECK(last.done == 4096);
  CHECK(last.total == 4096);
  const auto stop = [](const LoadProgress&) { return false; };
  CHECK_THROWS_AS(load_tensors(folder.path / "a.safetensors", {.progress = stop}), Interrupted);
}

TEST_CASE("tensors are made when they are written, one by one, into shards") {
  const TemporaryFolder folder;
  int alive = 0, most = 0;
  std::map<std::string, TensorSource> sources;
  for (const char* name : {"a", "b", "c"}) {
    const auto make = [&] {
      most = std::max(most, ++alive);
      return at::from_blob(
                 std::malloc(400), {100}, [&](void* data) { std::free(data), --alive; }, at::kFloat)
          .fill_(1.0);
    };
    sources.emplace(name, TensorSource{at::kFloat, {100}, make});
  }
  const auto files = write_safetensors(folder.path / "m.safetensors", sources, {{"k", "v"}}, 800);
  CHECK(most == 1);
  REQUIRE(files.size() == 3);
  CHECK(files[0].filename() == "m-00001-of-00002.safetensors");
  CHECK(files[2].filename() == "m.safetensors.index.json");
  CHECK(load_tensors(folder.path).size() == 3);
  CHECK(MappedWeights(folder.path).metadata().at("k") == "v");
}

TEST_CASE("a source that breaks its promise, or throws, leaves no file") {
  const TemporaryFolder folder;
  const TensorSource wrong{at::kFloat, {3}, [] { return at::zeros({4}); }};
  const TensorSource failing{at::kFloat, {3}, []() -> at::Tensor { throw Interrupted("stop"); }};
  CHECK_THROWS_AS(write_safetensors(folder.path / "a.safetensors", {{"x", wrong}}), ValueError);
  CHECK_THROWS_AS(write_safetensors(folder.path / "a.safetensors", {{"x", failing}}), Interrupted);
  CHECK_THROWS_AS(write_safetensors(folder.path / "a.safetensors", {{"x", wrong}}, {}, 0), ValueError);
  CHECK(fs::is_empty(folder.path));
}
