// SPDX-License-Identifier: Apache-2.0
#include <action_images/text/embedding_cache.hpp>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <doctest/doctest.h>
#include <unistd.h>

#include <action_images/core/error.hpp>

using namespace action_images;

namespace {

using Prompts = std::vector<std::string>;

// A folder of its own, an encoder that counts, and what was noticed.
struct Fixture {
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("action_images_embeddings_" + std::to_string(::getpid()));
  std::vector<std::string> notices;
  std::vector<Prompts> calls;
  EmbeddingSource source{.encoder = "test", .length = 6};

  Fixture() { std::filesystem::remove_all(folder); }
  ~Fixture() { std::filesystem::remove_all(folder); }

  EmbeddingCache cache() {
    return EmbeddingCache(folder, source, [this](const std::string& text) { notices.push_back(text); });
  }

  // As many rows of numbers as the prompt has letters, then zeros.
  static at::Tensor states_of(const std::string& prompt) {
    const auto rows = static_cast<std::int64_t>(prompt.size());
    return at::constant_pad_nd(at::arange(rows * 3, at::kFloat).view({rows, 3}) + 1 + prompt[0], {0, 0, 0, 6 - rows});
  }

  EmbeddingCache::Encode encode() {
    return [this](const Prompts& prompts) {
      calls.push_back(prompts);
      std::vector<at::Tensor> rows;
      for (const std::string& prompt : prompts) rows.push_back(states_of(prompt));
      return at::stack(rows);
    };
  }

  at::Tensor embed(const Prompts& prompts) { return cache().embed(prompts, encode()); }
};

std::string contents(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void write(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a prompt is encoded once, whoever asks again") {
  const at::Tensor first = embed({"red", "blue", "red"});
  REQUIRE(first.sizes() == at::IntArrayRef({3, 6, 3}));
  CHECK((calls == std::vector<Prompts>{{"red", "blue"}}));
  CHECK(at::equal(first[0], states_of("red")));
  CHECK(at::equal(first[1], states_of("blue")));
  CHECK(at::equal(embed({"blue", "red"}), first.narrow(0, 0, 2).flip({0})));
  CHECK(calls.size() == 1);
  embed({"red", "green"});
  CHECK((calls.back() == Prompts{"green"}));
  CHECK(notices.empty());
}

TEST_CASE_FIXTURE(Fixture, "dtypes survive, also of an embedding that is all zero") {
  const at::Tensor states = at::zeros({6, 3}, at::kBFloat16);
  cache().store("none", states);
  const auto found = cache().find("none");
  REQUIRE(found.has_value());
  CHECK((found->scalar_type() == at::kBFloat16));
  CHECK(at::equal(*found, states));
}

TEST_CASE_FIXTURE(Fixture, "equal content is one file; another encoder, cleaning, length or prompt is another") {
  const auto path = cache().path("red  block");
  CHECK(cache().path(" red block") == path);
  CHECK(cache().path("red blocks") != path);
  for (const EmbeddingSource& other :
       {EmbeddingSource{"other", PromptCleaning::whitespace, 6}, EmbeddingSource{"test", PromptCleaning::lower, 6},
        EmbeddingSource{"test", PromptCleaning::whitespace, 7}}) {
    source = other;
    CHECK(cache().path("red block") != path);
  }
}

TEST_CASE_FIXTURE(Fixture, "a damaged file is computed again, with a notice, and is whole afterwards") {
  const at::Tensor states = embed({"red"});
  const auto path = cache().path("red");
  const std::string whole = contents(path);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    write(path, damaged);
    const std::size_t before = calls.size();
    CAPTURE(at);
    CHECK(at::equal(embed({"red"}), states));
    CHECK(notices.size() == calls.size() - 1);
    if (calls.size() > before) CHECK(contents(path) == whole);
  }
  CHECK(notices.size() > whole.size() * 9 / 10);  // white space of the header may change
  for (const std::size_t size : {std::size_t{0}, std::size_t{7}, whole.size() / 2, whole.size() - 1}) {
    write(path, whole.substr(0, size));
    CHECK(at::equal(embed({"red"}), states));
    CHECK(contents(path) == whole);
  }
  CHECK(notices.back().starts_with("a damaged prompt embedding is computed again: "));
}

TEST_CASE_FIXTURE(Fixture, "an embedding of another prompt under this name is not taken") {
  embed({"red", "blue"});
  std::filesystem::copy_file(cache().path("red"), cache().path("blue"),
                             std::filesystem::copy_options::overwrite_existing);
  CHECK(at::equal(embed({"blue"})[0], states_of("blue")));
  CHECK(notices.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "where nothing can be written, embeddings are still returned") {
  write(folder, "a file where the folder should be");
  CHECK(at::equal(embed({"red"})[0], states_of("red")));
  REQUIRE(notices.size() == 1);
  CHECK(notices[0].starts_with("a prompt embedding is not kept: "));
  CHECK_THROWS_AS(cache().store("red", states_of("red")), FormatError);
}

TEST_CASE_FIXTURE(Fixture, "what does not fit is refused by name") {
  CHECK(embed({}).size(0) == 0);
  CHECK_THROWS_WITH_AS(cache().embed({"red"},
                                     [](const Prompts&) {
                                       return at::ones({1, 5, 3});
                                     }),
                       "[text::EmbeddingCache::embed] encode: expected (1, 6, dim), got (1, 5, 3)", ShapeError);
  embed({"blue"});
  CHECK_THROWS_WITH_AS(cache().embed({"red", "blue"},
                                     [](const Prompts&) {
                                       return at::ones({1, 6, 4});
                                     }),
                       "[text::EmbeddingCache::embed] encoder: expected a name of one encoder, got embeddings of two",
                       ValueError);
  CHECK_THROWS_AS(cache().store("red", at::ones({5, 3})), ShapeError);
  CHECK_THROWS_AS(cache().store("red", at::ones({6, 3}, at::kLong)), ValueError);
  source.length = 0;
  CHECK_THROWS_AS(cache(), ValueError);
}

TEST_CASE_FIXTURE(Fixture, "a fingerprint depends on size and contents") {
  std::filesystem::create_directories(folder);
  const auto path = folder / "weights";
  const auto fingerprint_of = [&](const std::string& bytes) {
    write(path, bytes);
    return file_fingerprint(path);
  };
  CHECK(fingerprint_of("").size() == 40);
  CHECK(fingerprint_of("") != fingerprint_of("a"));
  std::string bytes(200'001, 'x');
  const std::string plain = fingerprint_of(bytes);
  CHECK(fingerprint_of(bytes) == plain);
  for (const std::size_t at : {std::size_t{0}, std::size_t{70'000}, std::size_t{140'000}, bytes.size() - 1}) {
    std::string changed = bytes;
    changed[at] = 'y';
    CHECK(fingerprint_of(changed) != plain);
  }
  const std::string large(10'000'000, 'x');
  CHECK(fingerprint_of(large) != fingerprint_of(large + 'x'));
  CHECK(fingerprint_of(large + 'y') != fingerprint_of(large + 'x'));
  CHECK_THROWS_AS(file_fingerprint(folder / "none"), FormatError);
}
