// SPDX-License-Identifier: Apache-2.0
#include <action_images/text/tokenizer.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <action_images/core/error.hpp>

using namespace action_images;

#ifdef ACTION_IMAGES_WITH_SENTENCEPIECE

namespace {

const std::filesystem::path model = std::filesystem::path(ACTION_IMAGES_MODELS) / "embedded/tokenizer.model";

}  // namespace

TEST_CASE("each word of an instruction is one token, then come the end of sentence and padding") {
  const Tokenizer tokenizer(model);
  const TokenizedText text = tokenizer.encode("reach the red block", 8);
  REQUIRE(text.ids.sizes() == at::IntArrayRef({1, 8}));
  CHECK(at::equal(text.mask, at::tensor({1, 1, 1, 1, 1, 0, 0, 0}, at::kLong).unsqueeze(0)));
  CHECK(text.ids[0][4].item<int>() == 1);
  CHECK(text.ids[0].narrow(0, 5, 3).abs().sum().item<int>() == 0);
  CHECK(tokenizer.pieces("reach the red block").size() == 4);
  CHECK(tokenizer.vocab() >= text.ids.max().item<std::int64_t>());
}

TEST_CASE("other words fall apart into known letters") {
  const Tokenizer tokenizer(model);
  CHECK((tokenizer.encode("slide 3 quartz vases, jiggle!", 64).ids != 2).all().item<bool>());
}

TEST_CASE("a batch is tokenised as its prompts one by one, and an empty prompt is the end of sentence") {
  const Tokenizer tokenizer(model);
  const TokenizedText both = tokenizer.encode(std::vector<std::string>{"grasp the blue cube", ""}, 6);
  CHECK(at::equal(both.ids.narrow(0, 0, 1), tokenizer.encode("grasp the blue cube", 6).ids));
  CHECK(at::equal(both.ids[1], at::tensor({1, 0, 0, 0, 0, 0}, at::kLong)));
  CHECK(both.mask[1].sum().item<int>() == 1);
}

TEST_CASE("capitals matter unless they are lowered") {
  const TokenizedText small = Tokenizer(model).encode("pick up the red block", 8);
  CHECK(at::equal(Tokenizer(model, {.lower_case = true}).encode("Pick up the RED block", 8).ids, small.ids));
  CHECK_FALSE(at::equal(Tokenizer(model).encode("Pick up the RED block", 16).ids.narrow(1, 0, 8), small.ids));
}

TEST_CASE("the cleaning of prompts is an option") {
  const Tokenizer canonical(model, {.cleaning = PromptCleaning::canonicalize});
  CHECK(at::equal(canonical.encode("Pick_up the RED block!", 8).ids,
                  Tokenizer(model).encode("pick up the red block", 8).ids));
}

TEST_CASE("an over-long prompt is refused with its length, or cut on request") {
  CHECK_THROWS_WITH_AS(Tokenizer(model).encode("reach the red block", 4),
                       "[text::Tokenizer::encode] prompt: expected at most 4 tokens with the end of sentence, got 5",
                       ValueError);
  const TokenizedText cut = Tokenizer(model, {.truncate = true}).encode("reach the red block", 4);
  CHECK(cut.ids[0][3].item<int>() == 1);
  CHECK(cut.mask.sum().item<int>() == 4);
}

TEST_CASE("a file that is no SentencePiece model is refused") {
  CHECK_THROWS_AS(Tokenizer("/nonexistent/tokenizer.model"), FormatError);
  const auto path = std::filesystem::temp_directory_path() / "action_images_not_a_tokenizer.model";
  std::ofstream(path) << "this is text";
  CHECK_THROWS_AS(Tokenizer{path}, FormatError);
  std::filesystem::remove(path);
}

#else

TEST_CASE("without SentencePiece the tokenizer says so") { CHECK_THROWS_AS(Tokenizer("tokenizer.model"), ValueError); }

#endif
