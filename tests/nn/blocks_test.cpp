// SPDX-License-Identifier: Apache-2.0
#include <action_images/nn/blocks.hpp>
#include <action_images/nn/rotary.hpp>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <doctest/doctest.h>

#include <action_images/core/error.hpp>

using namespace action_images;

namespace {

double distance(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

at::Tensor noise(at::IntArrayRef shape, std::uint64_t seed) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::randn(shape, generator, at::TensorOptions(at::kFloat));
}

}  // namespace

TEST_CASE("attention is a softmax over scaled, biased scores") {
  const at::Tensor q = noise({2, 5, 3, 8}, 1), k = noise({2, 7, 3, 8}, 2), v = noise({2, 7, 3, 8}, 3);
  const at::Tensor bias = noise({1, 3, 5, 7}, 4);
  const at::Tensor scores = at::einsum("bnhd,bmhd->bhnm", {q, k}) * 0.5 + bias;
  const at::Tensor wanted = at::einsum("bhnm,bmhd->bnhd", {scores.softmax(-1), v}).flatten(2);
  CHECK(distance(nn::attention(q, k, v, {bias, 0.5}), wanted) < 1e-5);
  CHECK_THROWS_AS(nn::attention(q, k.narrow(2, 0, 2), v), ShapeError);
}

TEST_CASE("norms have zero mean or unit square, and float32 statistics in bfloat16") {
  const at::Tensor x = noise({4, 64}, 5) * 3 + 10;
  const at::Tensor normed = nn::layer_norm(x, 1e-6);
  CHECK(distance(normed.mean(-1), at::zeros({4})) < 1e-5);
  CHECK(distance(normed.square().mean(-1), at::ones({4})) < 1e-4);
  CHECK(distance(nn::rms_norm(x, 1e-6).square().mean(-1), at::ones({4})) < 1e-5);
  const at::Tensor rounded = x.to(at::kBFloat16);
  const at::Tensor wanted = nn::layer_norm(rounded.to(at::kFloat), 1e-6);
  CHECK((nn::layer_norm(rounded, 1e-6).scalar_type() == at::kBFloat16));
  CHECK(distance(nn::layer_norm(rounded, 1e-6).to(at::kFloat), wanted) < 0.02);
}

TEST_CASE("a modulated norm scales and shifts what is normed, by sample, by run of tokens and by token") {
  const at::Tensor x = noise({2, 12, 16}, 8) * 2 + 1;
  for (const std::int64_t batch : {1, 2}) {
    for (const std::int64_t groups : {1, 3, 12}) {
      CAPTURE(groups);
      const at::Tensor shift = noise({batch, groups, 16}, 9), scale = noise({batch, groups, 16}, 10);
      const auto each = [&](const at::Tensor& rows) { return rows.repeat_interleave(12 / groups, 1); };
      const at::Tensor wanted = nn::layer_norm(x, 1e-6) * (1 + each(scale)) + each(shift);
      CHECK(distance(nn::modulated_norm(x, 1e-6, shift, scale), wanted) < 1e-5);
      const at::Tensor one = scale.narrow(1, 0, 1);
      CHECK(distance(nn::modulated_norm(x, 1e-6, shift, one), nn::layer_norm(x, 1e-6) * (1 + one) + each(shift)) <
            1e-5);
    }
  }
  const at::Tensor many = noise({2, 128, 16}, 11), shift = noise({2, 128, 16}, 12), scale = noise({1, 128, 16}, 13);
  CHECK(distance(nn::modulated_norm(many, 1e-6, shift, scale), nn::layer_norm(many, 1e-6) * (1 + scale) + shift) <
        1e-5);
  CHECK_THROWS_AS(nn::modulated_norm(x, 1e-6, noise({1, 5, 16}, 1), noise({1, 1, 16}, 1)), ShapeError);
  CHECK_THROWS_AS(nn::modulated_norm(x, 1e-6, noise({1, 3, 16}, 1), noise({1, 2, 16}, 1)), ShapeError);
}

TEST_CASE("attention in bfloat16 without gradients is a softmax over scores, whatever the number of blocks") {
  const at::NoGradGuard off;
  for (const std::int64_t queries : {33, 700}) {
    const at::Tensor q = noise({2, queries, 3, 64}, 1).to(at::kBFloat16),
                     k = noise({2, 900, 3, 64}, 2).to(at::kBFloat16);
    const at::Tensor v = noise({2, 900, 3, 64}, 3).to(at::kBFloat16);
    const at::Tensor wanted = nn::attention(q.to(at::kFloat), k.to(at::kFloat), v.to(at::kFloat));
    const at::Tensor got = nn::attention(q, k, v);
    CHECK((got.scalar_type() == at::kBFloat16));
    CHECK((got.to(at::kFloat) - wanted).norm().item<double>() < 0.01 * wanted.norm().item<double>());
  }
}

TEST_CASE("the root mean square of a zero row has a finite gradient") {
  const at::Tensor x = at::zeros({1, 8}).requires_grad_();
  nn::rms_norm(x, 1e-6).sum().backward();
  CHECK(x.grad().isfinite().all().item<bool>());
}

TEST_CASE("time step 0 embeds as ones, then zeros") {
  const at::Tensor embedding = nn::timestep_embedding(at::zeros({1}, at::kLong), 6);
  CHECK(distance(embedding, at::tensor({1.0F, 1.0F, 1.0F, 0.0F, 0.0F, 0.0F}).unsqueeze(0)) == 0.0);
  CHECK_THROWS_AS(nn::timestep_embedding(at::zeros({1}), 5), ValueError);
}

TEST_CASE("rotation keeps lengths, and scores depend on differences of positions only") {
  const at::Tensor q = noise({1, 1, 2, 20}, 6).expand({1, 3 * 4 * 5, 2, 20});
  const at::Tensor k = noise({1, 1, 2, 20}, 7).expand({1, 3 * 4 * 5, 2, 20});
  const at::Tensor table = nn::rotary_table({{0, 1, 2}, 4, 5}, 20);
  const at::Tensor shifted = nn::rotary_table({{7, 8, 9}, 4, 5}, 20);
  CHECK(distance(nn::rotate(q, table).norm(2, {-1}, false), q.norm(2, {-1}, false)) < 1e-5);
  const auto scores = [&](const at::Tensor& at_table) {
    return at::einsum("bnhd,bmhd->bhnm", {nn::rotate(q, at_table), nn::rotate(k, at_table)});
  };
  CHECK(distance(scores(table), scores(shifted)) < 1e-4);
  CHECK(at::equal(nn::rotate(q, table).select(1, 0), q.select(1, 0)));
}

TEST_CASE("a table of its own for every sample turns and scales each of them") {
  const at::Tensor x = noise({2, 6, 3, 12}, 14);
  const at::Tensor table = nn::rotary_table({{0}, 2, 3}, 12), factors = noise({2, 6, 1}, 15).detach().exp();
  const at::Tensor wanted = nn::rotate(x, table) * factors.unsqueeze(-1);
  CHECK(distance(nn::rotate(x, table * factors), wanted) < 1e-5);
}

TEST_CASE("rotation refuses tokens that the table does not have") {
  const at::Tensor table = nn::rotary_table({{0}, 2, 2}, 8);
  CHECK_THROWS_AS(nn::rotate(at::zeros({1, 3, 2, 8}), table), ShapeError);
  CHECK_THROWS_AS(nn::rotate(at::zeros({1, 4, 2, 6}), table), ShapeError);
  CHECK_THROWS_AS(nn::rotary_table({{0}, 2, 2}, 7), ValueError);
}
