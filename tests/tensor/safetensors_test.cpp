// SPDX-License-Identifier: Apache-2.0
#include <action_images/tensor/safetensors.hpp>

#include <fstream>

#include <unistd.h>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <action_images/core/check.hpp>

using namespace action_images;

namespace {

// A path that is removed when the test ends.
struct TemporaryFile {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / text_of("action_images_", ::getpid(), ".safetensors");
  ~TemporaryFile() { std::filesystem::remove(path); }
};

}  // namespace

TEST_CASE("a saved file gives back its tensors, their names and its texts") {
  const TemporaryFile file;
  const TensorMap tensors = {{"b", at::arange(6, at::kFloat).view({2, 3})}, {"a", at::ones({3}, at::kByte)}};
  save_safetensors(file.path, tensors, {{"step", "7"}});
  const SafetensorsFile opened(file.path);
  CHECK(opened.names() == std::vector<std::string>{"a", "b"});
  CHECK(opened.metadata() == SafetensorsFile::Metadata{{"step", "7"}});
  CHECK(opened.contains("a"));
  CHECK_FALSE(opened.contains("c"));
  CHECK_THROWS_AS(opened.tensor("c"), ValueError);
  for (const auto& [name, tensor] : tensors) CHECK(at::equal(opened.tensor(name), tensor));
}

TEST_CASE("a tensor keeps its file mapped") {
  at::Tensor tensor;
  {
    const TemporaryFile file;
    save_safetensors(file.path, {{"x", at::full({1000}, 3.0)}});
    tensor = SafetensorsFile(file.path).tensor("x");
  }
  CHECK(tensor.sum().item<double>() == 3000.0);
}

TEST_CASE("a file with a byte too few is refused by name") {
  const TemporaryFile file;
  save_safetensors(file.path, {{"x", at::ones({4})}});
  std::filesystem::resize_file(file.path, std::filesystem::file_size(file.path) - 1);
  try {
    load_safetensors(file.path);
    FAIL("loaded");
  } catch (const FormatError& error) {
    CHECK(std::string(error.what()).find(text_of(file.path.string(), ": x: expected data inside the file")) !=
          std::string::npos);
  }
}
