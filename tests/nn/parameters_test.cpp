// SPDX-License-Identifier: Apache-2.0
#include <action_images/nn/parameters.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <action_images/core/error.hpp>

using namespace action_images;

TEST_CASE("a scope puts its prefix before a parameter's name") {
  Parameters parameters;
  (Scope(parameters) / "blocks" / 3 / "self_attn").parameter("weight", {2, 3}, Init::xavier);
  CHECK(parameters.named().front().first == "blocks.3.self_attn.weight");
  CHECK(parameters.count() == 6);
  CHECK(parameters.at("blocks.3.self_attn.weight").sizes() == at::IntArrayRef({2, 3}));
  CHECK_THROWS_AS(parameters.at("weight"), ValueError);
}

TEST_CASE("a handle follows loading and casting") {
  Parameters parameters;
  const at::Tensor weight = parameters.declare("weight", {2, 2}, Init::zeros);
  parameters.load({{"weight", at::full({2, 2}, 3.0, at::kDouble)}});
  CHECK(weight.sum().item<double>() == 12.0);
  parameters.to(at::kBFloat16);
  CHECK((weight.scalar_type() == at::kBFloat16));
  CHECK(weight.sum().item<double>() == 12.0);
}

TEST_CASE("loading that fails changes nothing and lists every fault") {
  Parameters parameters;
  const at::Tensor a = parameters.declare("a", {2}, Init::ones);
  parameters.declare("b", {2}, Init::ones);
  parameters.declare("c", {2}, Init::ones);
  try {
    parameters.load({{"a", at::zeros({2})}, {"c", at::zeros({3})}, {"d", at::zeros({1})}});
    FAIL("loaded");
  } catch (const FormatError& error) {
    CHECK(std::string(error.what()) ==
          "[nn::Parameters::load] tensors: expected the network's names and shapes, got "
          "missing (1): b; unexpected (1): d; mis-shaped (1): c expected (2,) got (3,)");
  }
  CHECK(a.sum().item<double>() == 2.0);
}

TEST_CASE("a state shares memory with the parameters and has no history") {
  Parameters parameters;
  const at::Tensor a = parameters.declare("a", {2}, Init::ones);
  parameters.requires_grad(true);
  const at::Tensor view = parameters.state().at("a");
  CHECK(view.data_ptr() == a.data_ptr());
  CHECK(a.requires_grad());
  CHECK_FALSE(view.requires_grad());
}

TEST_CASE("the seed makes the weights, in every dtype") {
  Parameters a, b(at::kBFloat16), c;
  for (Parameters* parameters : {&a, &b, &c}) parameters->declare("w", {40, 30}, Init::xavier);
  a.initialize(5), b.initialize(5), c.initialize(6);
  CHECK(at::equal(a.at("w").to(at::kBFloat16), b.at("w")));
  CHECK_FALSE(at::equal(a.at("w"), c.at("w")));
}

TEST_CASE("every kind of fresh parameter has its spread") {
  Parameters parameters;
  parameters.declare("zeros", {300, 200}, Init::zeros);
  parameters.declare("ones", {300, 200}, Init::ones);
  parameters.declare("identity", {3, 3}, Init::identity);
  parameters.declare("normal_002", {300, 200}, Init::normal_002);
  parameters.declare("normal_width", {1, 300, 400}, Init::normal_width);
  parameters.declare("xavier", {200, 50, 2, 2}, Init::xavier);
  parameters.declare("kaiming", {300, 50, 2, 2}, Init::kaiming);
  parameters.initialize(0);
  const auto deviation = [&](const char* name) { return parameters.at(name).std().item<double>(); };
  CHECK(parameters.at("zeros").sum().item<double>() == 0.0);
  CHECK(parameters.at("ones").sum().item<double>() == 60000.0);
  CHECK(at::equal(parameters.at("identity"), at::eye(3)));
  CHECK(deviation("normal_002") == doctest::Approx(0.02).epsilon(0.02));
  CHECK(deviation("normal_width") == doctest::Approx(1.0 / 20.0).epsilon(0.02));
  CHECK(deviation("xavier") == doctest::Approx(std::sqrt(2.0 / 400.0)).epsilon(0.02));
  CHECK(parameters.at("xavier").abs().max().item<double>() <= std::sqrt(6.0 / 400.0));
  CHECK(deviation("kaiming") == doctest::Approx(std::sqrt(2.0 / 200.0)).epsilon(0.02));
  CHECK_THROWS_AS(parameters.declare("wide", {2, 3}, Init::identity), ShapeError);
  CHECK_THROWS_AS(parameters.declare("ones", {1}, Init::ones), ValueError);
}

TEST_CASE("parameters over existing tensors are those tensors") {
  const at::Tensor weight = at::ones({2, 3});
  Parameters parameters(TensorMap{{"w", weight}});
  CHECK(parameters.declare("w", {2, 3}, Init::zeros).is_same(weight));
  CHECK_NOTHROW(parameters.finish());
}

TEST_CASE("existing tensors that do not fit are named together") {
  Parameters parameters(TensorMap{{"w", at::ones({2, 3})}, {"x", at::ones({1})}});
  parameters.declare("w", {3, 2}, Init::zeros);
  parameters.declare("v", {2}, Init::ones);
  try {
    parameters.finish();
    FAIL("accepted");
  } catch (const FormatError& error) {
    CHECK(std::string(error.what()) ==
          "[nn::Parameters::finish] tensors: expected the network's names and shapes, got "
          "missing (1): v; unexpected (1): x; mis-shaped (1): w expected (3, 2) got (2, 3)");
  }
}

TEST_CASE("of many names that do not fit the first are named and all are counted") {
  Parameters parameters;
  parameters.declare("a", {2}, Init::ones);
  TensorMap tensors = {{"a", at::ones({2})}};
  for (int i = 0; i < 100; ++i) tensors.emplace("surplus." + std::to_string(i), at::ones({1}));
  try {
    parameters.load(tensors);
    FAIL("loaded");
  } catch (const FormatError& error) {
    const std::string text = error.what();
    CHECK(text.find("unexpected (100): surplus.0 ") != std::string::npos);
    CHECK(text.ends_with(" ..."));
    CHECK(text.size() < 600);
  }
}
