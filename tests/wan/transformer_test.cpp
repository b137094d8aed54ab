// SPDX-License-Identifier: Apache-2.0
#include <action_images/wan/transformer.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <action_images/core/error.hpp>

using namespace action_images;

namespace {

WanConfig small_config() {
  return {.dim = 24,
          .in_dim = 4,
          .ffn_dim = 32,
          .out_dim = 3,
          .text_dim = 8,
          .freq_dim = 8,
          .num_heads = 2,
          .num_layers = 2,
          .camera_channels = 6,
          .camera_pool = {3, 2, 2}};
}

WanTransformer random_network(const WanConfig& config) {
  WanTransformer network(config);
  network.parameters().initialize(1);
  TensorMap state = network.parameters().state();
  for (auto& [name, tensor] : state) tensor = tensor + 0.1 * at::ones_like(tensor).cumsum(0).sin();
  network.parameters().load(state);
  return network;
}

WanInputs inputs(std::array<std::int64_t, 3> grid) {
  return {.text = at::ones({1, 2, 8}), .camera = at::ones({1, grid[0], 6, grid[1], grid[2]}), .grid = grid};
}

}  // namespace

TEST_CASE("a velocity has the latents' grid and the config's channels") {
  const WanTransformer network = random_network(small_config());
  const WanConditions conditions = network.prepare(inputs({3, 4, 6}));
  const at::Tensor velocity = network.forward(at::ones({1, 4, 3, 4, 6}), at::full({1}, 500.0), conditions);
  CHECK(velocity.sizes() == at::IntArrayRef({1, 3, 3, 4, 6}));
  CHECK(velocity.isfinite().all().item<bool>());
}

TEST_CASE("one time step for every token is the same as one for all") {
  const WanTransformer network = random_network(small_config());
  const WanConditions conditions = network.prepare(inputs({2, 4, 4}));
  const at::Tensor latents = at::arange(4 * 2 * 16, at::kFloat).view({1, 4, 2, 4, 4}).sin();
  const at::Tensor once = network.forward(latents, at::full({1}, 700.0), conditions);
  const at::Tensor each = network.forward(latents, at::full({1, 8}, 700.0), conditions);
  CHECK(at::allclose(once, each, 1e-5, 1e-6));
}

TEST_CASE("a network's parameters can be mapped into another without a copy") {
  const WanTransformer network = random_network(small_config());
  const WanTransformer other(small_config(), Parameters(network.parameters().state()));
  const at::Tensor latents = at::ones({1, 4, 2, 4, 4});
  const at::Tensor time = at::full({1}, 10.0);
  CHECK(at::equal(network.forward(latents, time, network.prepare(inputs({2, 4, 4}))),
                  other.forward(latents, time, other.prepare(inputs({2, 4, 4})))));
}

TEST_CASE("blocks that are computed again in the backward pass give the same bits") {
  const auto gradients = [](bool checkpoint) {
    WanTransformer network = random_network(small_config());
    network.parameters().requires_grad(true);
    const WanConditions conditions = network.prepare(inputs({2, 4, 4}));
    const at::Tensor latents = at::arange(4 * 2 * 16, at::kFloat).view({1, 4, 2, 4, 4}).cos();
    const WanForwardOptions options{.checkpoint = checkpoint};
    network.forward(latents, at::full({1}, 300.0), conditions, options).square().sum().backward();
    TensorMap found;
    for (const auto& [name, parameter] : network.parameters().named()) found.emplace(name, parameter.grad());
    return found;
  };
  const TensorMap wanted = gradients(false), got = gradients(true);
  for (const auto& [name, gradient] : wanted) {
    CAPTURE(name);
    CHECK(at::equal(got.at(name), gradient));
  }
}

TEST_CASE("tokens and channels of a picture reach the velocity") {
  WanConfig config = small_config();
  config.in_dim = 9;
  config.has_image_input = true;
  const WanTransformer network = random_network(config);
  const auto velocity = [&](double y, double clip) {
    WanInputs given = inputs({2, 4, 4});
    given.y = at::full({1, 5, 2, 4, 4}, y);
    given.clip = at::linspace(-1.0, clip, 3 * 1280).view({1, 3, 1280});
    return network.forward(at::ones({1, 4, 2, 4, 4}), at::full({1}, 10.0), network.prepare(given));
  };
  CHECK(at::equal(velocity(1.0, 1.0), velocity(1.0, 1.0)));
  CHECK(!at::equal(velocity(1.0, 1.0), velocity(0.5, 1.0)));
  CHECK(!at::equal(velocity(1.0, 1.0), velocity(1.0, 0.5)));
  CHECK_THROWS_AS(network.prepare(inputs({2, 4, 4})), ValueError);
}

TEST_CASE("conditions of another network or grid are refused") {
  const WanTransformer network = random_network(small_config());
  const WanConditions conditions = network.prepare(inputs({2, 4, 4}));
  CHECK_THROWS_AS(network.forward(at::ones({1, 4, 3, 4, 4}), at::ones({1}), conditions), ShapeError);
  CHECK_THROWS_AS(network.forward(at::ones({1, 4, 2, 4, 4}), at::ones({1}), WanConditions{}), ShapeError);
  CHECK_THROWS_AS(network.forward(at::ones({1, 4, 2, 4, 4}), at::ones({2}), conditions), ShapeError);
  CHECK_THROWS_AS(network.prepare(inputs({2, 5, 4})), ShapeError);
}
