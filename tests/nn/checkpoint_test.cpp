// SPDX-License-Identifier: Apache-2.0
#include <action_images/nn/checkpoint.hpp>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <doctest/doctest.h>

#include <action_images/core/error.hpp>

using namespace action_images;

namespace {

at::Tensor noise(at::IntArrayRef shape, std::uint64_t seed) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::randn(shape, generator, at::TensorOptions(at::kFloat)).requires_grad_();
}

// tanh(x w) w^T, with a weight that is used twice.
at::Tensor twice(const std::vector<at::Tensor>& inputs) {
  return at::mm(at::mm(inputs[0], inputs[1]).tanh(), inputs[1].t());
}

using Weak = c10::weak_intrusive_ptr<c10::TensorImpl>;

}  // namespace

TEST_CASE("gradients through checkpoints in a row are the same bits as without") {
  const auto gradients = [](bool checkpointed) {
    const at::Tensor x = noise({5, 7}, 1), first = noise({7, 6}, 2), second = noise({7, 6}, 3);
    const auto run = [&](const at::Tensor& in, const at::Tensor& weight) {
      return checkpointed ? nn::checkpoint(twice, {in, weight}) : twice({in, weight});
    };
    // The second weight is no leaf, and depends on the first one.
    const at::Tensor result = run(run(x, first), second * first.sum());
    result.square().sum().backward();
    return std::vector<at::Tensor>{result.detach(), x.grad(), first.grad(), second.grad()};
  };
  const auto got = gradients(true), wanted = gradients(false);
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(at::equal(got[i], wanted[i]));
}

TEST_CASE("what the function computes on the way is gone after the forward pass") {
  Weak kept(c10::intrusive_ptr<c10::TensorImpl>{}), gone(c10::intrusive_ptr<c10::TensorImpl>{});
  const auto into = [](Weak& seen) {
    return [&seen](const std::vector<at::Tensor>& inputs) {
      const at::Tensor product = at::mm(inputs[0], inputs[1]);  // its square keeps it for the backward pass
      seen = Weak(product.getIntrusivePtr());
      return product.square().sum();
    };
  };
  const at::Tensor x = noise({3, 4}, 4), weight = noise({4, 5}, 5);
  const at::Tensor plain = into(kept)({x, weight});
  const at::Tensor checkpointed = nn::checkpoint(into(gone), {x, weight});
  CHECK(!kept.expired());
  CHECK(gone.expired());
  checkpointed.backward();
  CHECK(gone.expired());
  CHECK(x.grad().defined());
}

TEST_CASE("the function sees gradients on in both passes, so that it takes the same way") {
  std::vector<bool> seen;
  const auto function = [&seen](const std::vector<at::Tensor>& inputs) {
    seen.push_back(at::GradMode::is_enabled());
    return inputs[0].exp();
  };
  nn::checkpoint(function, {noise({3}, 13)}).sum().backward();
  CHECK(seen == std::vector<bool>{true, true});
}

TEST_CASE("inputs that need no gradient, that are not used or that are integers are carried along") {
  const at::Tensor x = noise({4}, 6), unused = noise({2}, 7), constant = noise({4}, 8).detach();
  const at::Tensor index = at::arange(3, -1, -1, at::kLong);
  const auto function = [](const std::vector<at::Tensor>& inputs) {
    return (inputs[0] * inputs[2]).index_select(0, inputs[3]);
  };
  nn::checkpoint(function, {x, unused, constant, index}).sum().backward();
  CHECK(at::equal(x.grad(), constant));
  CHECK((!unused.grad().defined() || !unused.grad().any().item<bool>()));
  CHECK(!constant.grad().defined());
}

TEST_CASE("without gradients a checkpoint is a call") {
  const at::Tensor x = noise({2, 3}, 9), weight = noise({3, 3}, 10);
  {
    const at::NoGradGuard off;
    CHECK(!nn::checkpoint(twice, {x, weight}).requires_grad());
  }
  CHECK(!nn::checkpoint(twice, {x.detach(), weight.detach()}).requires_grad());
}

TEST_CASE("a graph of the recomputation, or an undefined input, is refused") {
  const at::Tensor x = noise({2, 3}, 11), weight = noise({3, 3}, 12);
  CHECK_THROWS_AS(nn::checkpoint(twice, {x, at::Tensor()}), ValueError);
  const at::Tensor result = nn::checkpoint(twice, {x, weight}).sum();
  CHECK_THROWS_AS(result.backward({}, std::nullopt, /*create_graph=*/true), ValueError);
}
