// SPDX-License-Identifier: Apache-2.0
#include <action_images/sample/guidance.hpp>

#include <limits>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <action_images/core/error.hpp>

using namespace action_images;

namespace {

const at::Tensor latents = seeded_noise({2, 3, 4, 5, 5}, 1);
const at::Tensor wanted = seeded_noise({2, 3, 4, 5, 5}, 2), unwanted = seeded_noise({2, 3, 4, 5, 5}, 3);

Denoiser constant(const at::Tensor& velocity, int& calls) {
  return [&calls, velocity](const at::Tensor&, const at::Tensor&) {
    ++calls;
    return velocity;
  };
}

at::Tensor timesteps(double first, double second) { return at::tensor({first, second}, at::kFloat); }

}  // namespace

TEST_CASE("guidance mixes two denoisers linearly, and scale 1 evaluates one only") {
  int positive = 0, negative = 0;
  const auto at_scale = [&](double scale) {
    return guided(constant(wanted, positive), constant(unwanted, negative), {scale})(latents, timesteps(500, 500));
  };
  CHECK(at::allclose(at_scale(7.5), 7.5 * wanted - 6.5 * unwanted, 1e-5, 1e-5));
  CHECK(at::equal(at_scale(0.0), unwanted));
  CHECK(positive + negative == 4);
  CHECK(at::equal(at_scale(1.0), wanted));
  CHECK(at::equal(guided(constant(wanted, positive), {}, {})(latents, timesteps(500, 500)), wanted));
  CHECK(positive + negative == 6);
}

TEST_CASE("guidance of half-precision predictions is computed in float32") {
  const at::Tensor one = wanted.to(at::kBFloat16), other = (wanted + 0.01).to(at::kBFloat16);
  CHECK(at::equal(guide(one, other, 10.0), guide(one.to(at::kFloat), other.to(at::kFloat), 10.0)));
}

TEST_CASE("rescaled guidance has the conditional prediction's deviation in every sample") {
  const at::Tensor strong = guide(wanted, unwanted, 7.5) * at::tensor({1.0f, 3.0f}).view({2, 1, 1, 1, 1});
  const auto deviation = [](const at::Tensor& batch) { return batch.flatten(1).std(1); };
  CHECK(at::allclose(deviation(rescale_guided(strong, wanted, 1.0)), deviation(wanted)));
  CHECK(
      at::allclose(deviation(rescale_guided(strong, wanted, 0.7)), 0.7 * deviation(wanted) + 0.3 * deviation(strong)));
  CHECK(at::equal(rescale_guided(strong, wanted, 0.0), strong));
  CHECK(at::equal(rescale_guided(at::ones({1, 4}), wanted.flatten()[0].expand({1, 4}), 0.7), at::ones({1, 4})));
  int calls = 0;
  const Denoiser rescaled = guided(constant(wanted, calls), constant(unwanted, calls), {.scale = 7.5, .rescale = 0.7});
  CHECK(at::equal(rescaled(latents, timesteps(1, 1)), rescale_guided(guide(wanted, unwanted, 7.5), wanted, 0.7)));
}

TEST_CASE("guidance on an interval costs one evaluation outside of it") {
  int inside = 0, outside = 0;
  const Denoiser limited = within({0.2, 0.8}, constant(wanted, inside), constant(unwanted, outside));
  CHECK(at::equal(limited(latents, timesteps(800, 200)), wanted));
  CHECK((inside == 1 && outside == 0));
  CHECK(at::equal(limited(latents, timesteps(801, 199)), unwanted));
  CHECK((inside == 1 && outside == 1));
  const at::Tensor mixed = limited(latents, timesteps(500, 900));
  CHECK(at::equal(mixed[0], wanted[0]));
  CHECK(at::equal(mixed[1], unwanted[1]));
}

TEST_CASE("what does not fit guidance is refused by name") {
  int calls = 0;
  const Denoiser denoiser = constant(wanted, calls);
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(guide(wanted, wanted[0], 2.0), ShapeError);
  CHECK_THROWS_AS(rescale_guided(wanted, wanted[0], 0.5), ShapeError);
  CHECK_THROWS_WITH_AS(rescale_guided(wanted, wanted, 1.5),
                       "[sample::rescale_guided] rescale: expected a number in [0, 1], got 1.5", ValueError);
  CHECK_THROWS_AS(guided(denoiser, {}, {2.0}), ValueError);
  CHECK_THROWS_AS(guided({}, denoiser, {2.0}), ValueError);
  CHECK_THROWS_AS(guided(denoiser, denoiser, {nan}), ValueError);
  CHECK_THROWS_AS(guided(denoiser, denoiser, {2.0, -0.1}), ValueError);
  CHECK_THROWS_WITH_AS(within({0.8, 0.2}, denoiser, denoiser),
                       "[sample::within] interval: expected 0 <= low <= high <= 1, got 0.8 to 0.2", ValueError);
  CHECK_THROWS_AS(within({0.0, nan}, denoiser, denoiser), ValueError);
  CHECK_THROWS_AS(within({}, denoiser, {}), ValueError);
}
