// SPDX-License-Identifier: Apache-2.0
#include <action_images/text/umt5.hpp>

#include <map>

#include <ATen/ATen.h>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <action_images/core/error.hpp>

using namespace action_images;

namespace {

constexpr UMT5Config small{
    .vocab = 50, .dim = 32, .dim_attn = 24, .dim_ffn = 48, .num_heads = 4, .num_layers = 2, .num_buckets = 8};

UMT5Encoder random_encoder(UMT5Config config = small) {
  UMT5Encoder encoder(config);
  encoder.parameters().initialize(3);
  return encoder;
}

const at::Tensor ids = at::randint(0, 50, {2, 12}, at::kLong);

at::Tensor mask_of(std::int64_t first, std::int64_t second) {
  at::Tensor mask = at::zeros({2, 12}, at::kLong);
  mask[0].narrow(0, 0, first).fill_(1);
  mask[1].narrow(0, 0, second).fill_(1);
  return mask;
}

}  // namespace

TEST_CASE("parameters carry Wan's names, with position biases of each layer or shared") {
  for (const bool shared : {false, true}) {
    UMT5Config config = small;
    config.shared_pos = shared;
    const TensorMap state = UMT5Encoder(config).parameters().state();
    CHECK(state.size() == 2U + 2U * 9U + (shared ? 1U : 2U));
    CHECK(state.count("pos_embedding.embedding.weight") == (shared ? 1U : 0U));
    CHECK(state.count("blocks.1.pos_embedding.embedding.weight") == (shared ? 0U : 1U));
    CHECK(state.at("blocks.1.ffn.gate.0.weight").sizes() == at::IntArrayRef({48, 32}));
    CHECK(state.at("blocks.0.attn.o.weight").sizes() == at::IntArrayRef({32, 24}));
  }
}

TEST_CASE("what stands behind the mask changes nothing, and has zero states") {
  const UMT5Encoder encoder = random_encoder();
  const at::Tensor mask = mask_of(5, 9), states = encoder.encode(ids, mask);
  REQUIRE(states.sizes() == at::IntArrayRef({2, 12, 32}));
  const at::Tensor others = at::where(mask != 0, ids, (ids + 7) % 50);
  CHECK(at::equal(encoder.encode(others, mask), states));
  CHECK(states[0].narrow(0, 5, 7).abs().max().item<double>() == 0.0);
  CHECK(states[1].narrow(0, 9, 3).abs().max().item<double>() == 0.0);
}

TEST_CASE("each row of a padded batch is what it is alone, unpadded") {
  const UMT5Encoder encoder = random_encoder();
  const at::Tensor states = encoder.encode(ids, mask_of(5, 9));
  for (const auto& [row, length] : std::map<std::int64_t, std::int64_t>{{0, 5}, {1, 9}}) {
    const at::Tensor alone = encoder.encode(ids.narrow(0, row, 1).narrow(1, 0, length));
    CHECK(at::allclose(states[row].narrow(0, 0, length), alone[0], 1e-4, 1e-5));
  }
}

TEST_CASE("states depend on the order of tokens") {
  const UMT5Encoder encoder = random_encoder();
  CHECK_FALSE(at::allclose(encoder.encode(ids.flip({1})).flip({1}), encoder.encode(ids), 1e-3, 1e-3));
}

TEST_CASE("a batch without a token, and an empty one, have zero states and no NaN") {
  const UMT5Encoder encoder = random_encoder();
  CHECK(encoder.encode(ids, mask_of(0, 0)).abs().max().item<double>() == 0.0);
  CHECK(encoder.encode(ids, mask_of(0, 3)).isfinite().all().item<bool>());
  CHECK(encoder.encode(at::zeros({2, 0}, at::kLong)).sizes() == at::IntArrayRef({2, 0, 32}));
}

TEST_CASE("gradients reach every parameter") {
  for (const bool shared : {false, true}) {
    UMT5Config config = small;
    config.shared_pos = shared;
    UMT5Encoder encoder = random_encoder(config);
    encoder.parameters().requires_grad(true);
    encoder.encode(ids, mask_of(5, 9)).square().sum().backward();
    for (const auto& [name, parameter] : encoder.parameters().named()) {
      CAPTURE(name);
      REQUIRE(parameter.grad().defined());
      CHECK(parameter.grad().isfinite().all().item<bool>());
    }
  }
}

TEST_CASE("bfloat16 stays near float32") {
  UMT5Encoder encoder = random_encoder();
  const at::Tensor states = encoder.encode(ids, mask_of(5, 9));
  encoder.parameters().to(at::kBFloat16);
  const at::Tensor rough = encoder.encode(ids, mask_of(5, 9));
  CHECK((rough.scalar_type() == at::kBFloat16));
  CHECK((rough.to(at::kFloat) - states).norm().item<double>() < 0.03 * states.norm().item<double>());
}

TEST_CASE("a config survives JSON, and the preset is the default") {
  CHECK(umt5_config_json(umt5_config(umt5_config_json(small))) == umt5_config_json(small));
  CHECK(umt5_config_json(umt5_config({{"preset", "umt5-xxl"}})) == umt5_config_json(UMT5Config{}));
}

TEST_CASE("what does not fit is refused by name") {
  const UMT5Encoder encoder = random_encoder();
  CHECK_THROWS_AS(encoder.encode(ids[0]), ShapeError);
  CHECK_THROWS_AS(encoder.encode(ids, at::ones({2, 11})), ShapeError);
  CHECK_THROWS_AS(encoder.encode(ids.to(at::kFloat)), ValueError);
  CHECK_THROWS_WITH_AS(encoder.encode(at::full({1, 2}, 50, at::kLong)),
                       "[text::UMT5Encoder::encode] ids: expected 0 to 49, got 50", ValueError);
  CHECK_THROWS_AS(umt5_config({{"width", 3}}), ValueError);
  CHECK_THROWS_AS(umt5_config({{"dim", "3"}}), ValueError);
  CHECK_THROWS_AS(umt5_config({{"num_heads", 0}}), ValueError);
  CHECK_THROWS_AS(umt5_config({{"dim_attn", 100}, {"num_heads", 3}}), ValueError);
  CHECK_THROWS_AS(umt5_config({{"preset", "t5"}}), ValueError);
}
