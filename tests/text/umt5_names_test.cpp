// SPDX-License-Identifier: Apache-2.0
#include <action_images/text/umt5_names.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <action_images/core/error.hpp>

using namespace action_images;

TEST_CASE("transformers' names become Wan's, and others stay") {
  CHECK(umt5_name("encoder.block.23.layer.1.DenseReluDense.wi_0.weight") == "blocks.23.ffn.gate.0.weight");
  CHECK(umt5_name("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight") ==
        "blocks.0.pos_embedding.embedding.weight");
  CHECK(umt5_name("encoder.final_layer_norm.weight") == "norm.weight");
  for (const char* name : {"blocks.0.attn.q.weight", "decoder.block.0.layer.0.SelfAttention.q.weight", "encoder.block.",
                           "encoder.block.x", "encoder.block..layer.0.layer_norm.weight", "encoder.block.1",
                           "encoder.block.1.layer.2.layer_norm.weight", ""}) {
    CAPTURE(name);
    CHECK_FALSE(umt5_name(name).has_value());
  }
}

TEST_CASE("the embedding has two names in transformers, of which one is kept") {
  const at::Tensor one = at::ones({1}), two = at::full({1}, 2);
  const TensorMap both = umt5_tensors({{"shared.weight", one}, {"encoder.embed_tokens.weight", two}, {"other", two}});
  CHECK(both.size() == 2);
  CHECK(at::equal(both.at("token_embedding.weight"), one));
  CHECK(at::equal(umt5_tensors({{"encoder.embed_tokens.weight", two}}).at("token_embedding.weight"), two));
}

TEST_CASE("two names of one parameter are refused") {
  const at::Tensor one = at::ones({1});
  CHECK_THROWS_WITH_AS(
      umt5_tensors({{"norm.weight", one}, {"encoder.final_layer_norm.weight", one}}),
      "[text::umt5_tensors] norm.weight: expected a name that means another parameter, got norm.weight", FormatError);
}
