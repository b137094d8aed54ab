// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/optimizer.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <action_images/sample/flow_match.hpp>

using namespace action_images;

TEST_CASE("orthogonalisation brings all singular values near one and keeps the singular vectors") {
  for (const auto& shape : {std::vector<std::int64_t>{24, 40}, {40, 24}, {16, 16}}) {
    const at::Tensor matrix = seeded_noise(shape, 1);
    const auto [u, s, vh] = at::linalg_svd(matrix, false);
    const at::Tensor result = orthogonalized(matrix);
    const auto singular = std::get<1>(at::linalg_svd(result, false));
    CHECK(singular.max().item<double>() < 1.4);
    CHECK(singular.median().item<double>() > 0.6);
    const at::Tensor alignment = (u.t().matmul(result).matmul(vh.t())).diagonal();
    CHECK(alignment.median().item<double>() > 0.6);
  }
}

TEST_CASE("AdamW follows its equations") {
  const at::Tensor weight = at::tensor({1.0F, -2.0F, 0.5F});
  const at::Tensor expected = weight.clone();
  const OptimizerOptions options{.learning_rate = 0.1, .weight_decay = 0.05};
  Optimizer optimizer({{"w", weight}}, options);
  at::Tensor m = at::zeros({3}), v = at::zeros({3});
  for (int step = 1; step <= 5; ++step) {
    const at::Tensor gradient = at::tensor({0.1F * step, -0.3F, 1.0F});
    optimizer.step({{"w", gradient}}, 0.5);
    m = 0.9 * m + 0.1 * gradient;
    v = 0.95 * v + 0.05 * gradient * gradient;
    const at::Tensor update = (m / (1 - std::pow(0.9, step))) / ((v / (1 - std::pow(0.95, step))).sqrt() + 1e-8);
    expected.mul_(1 - 0.05 * 0.05).sub_(update, 0.05);
  }
  CHECK(at::allclose(weight, expected, 1e-5, 1e-6));
}

TEST_CASE("an optimiser that is saved and loaded goes on as if it had not been") {
  const OptimizerOptions options{.muon_learning_rate = 0.02};
  const auto start = [] { return TensorMap{{"transformer.blocks.0.ffn.0.weight", seeded_noise({6, 4}, 1)}, {"b", seeded_noise({6}, 2)}}; };
  const auto gradients = [](int step) {
    return TensorMap{{"transformer.blocks.0.ffn.0.weight", seeded_noise({6, 4}, 10 + step)}, {"b", seeded_noise({6}, 20 + step)}};
  };
  const TensorMap straight = start();
  Optimizer whole(straight, options);
  for (int step = 0; step < 4; ++step) whole.step(gradients(step), 1.0);

  const TensorMap resumed = start();
  Optimizer first(resumed, options);
  for (int step = 0; step < 2; ++step) first.step(gradients(step), 1.0);
  Optimizer second(resumed, options);
  second.load(first.state());
  for (int step = 2; step < 4; ++step) second.step(gradients(step), 1.0);
  for (const auto& [name, tensor] : straight) CHECK(resumed.at(name).equal(tensor));
}

TEST_CASE("gradients are clipped by their joint norm") {
  TensorMap gradients{{"a", at::tensor({3.0F})}, {"b", at::tensor({4.0F})}};
  CHECK(clip_gradient_norm(gradients, 1.0) == doctest::Approx(5.0));
  CHECK(gradients["a"].item<double>() == doctest::Approx(0.6).epsilon(1e-4));
}
