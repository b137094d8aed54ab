// SPDX-License-Identifier: Apache-2.0
#include <action_images/sample/denoise.hpp>

#include <stdexcept>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <action_images/core/error.hpp>

using namespace action_images;

namespace {

const at::Tensor noise = seeded_noise({2, 3, 4, 5, 5}, 1);
const at::Tensor clean = seeded_noise({2, 3, 4, 5, 5}, 2);

Denoiser to_clean() {
  return from_sample_prediction([](const at::Tensor&, const at::Tensor&) { return clean; });
}

}  // namespace

TEST_CASE("a denoiser that knows the clean sample reaches it") {
  const at::Tensor latents = denoise(FlowMatchSchedule(8), to_clean(), noise);
  CHECK((latents - clean).abs().max().item<double>() < 1e-5);
}

TEST_CASE("kept latents are shown clean in every step and returned untouched") {
  const at::Tensor keep = at::zeros({1, 1, 4, 1, 1}, at::kBool);
  keep.select(2, 0).fill_(true);
  int calls = 0;
  const Denoiser denoiser = [&](const at::Tensor& latents, const at::Tensor&) {
    CHECK(at::equal(latents.select(2, 0), clean.select(2, 0)));
    ++calls;
    return at::ones_like(latents);
  };
  const at::Tensor latents = denoise(FlowMatchSchedule(3), denoiser, noise, {clean, keep});
  CHECK(calls == 3);
  CHECK(at::equal(latents.select(2, 0), clean.select(2, 0)));
  CHECK(at::allclose(latents.select(2, 1), noise.select(2, 1) - 1.0, 1e-5, 1e-5));
}

TEST_CASE("a denoiser sees each sample's timestep") {
  const FlowMatchSchedule schedule(4);
  std::vector<float> seen;
  denoise(
      schedule,
      [&](const at::Tensor& latents, const at::Tensor& timestep) {
        REQUIRE(timestep.sizes() == at::IntArrayRef({2}));
        seen.push_back(timestep[1].item<float>());
        return at::zeros_like(latents);
      },
      noise);
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(seen.at(i) == schedule.timesteps()[static_cast<std::int64_t>(i)].item<float>());
}

TEST_CASE("progress is told after every step and can stop") {
  std::vector<double> sigmas;
  DenoiseOptions options{[&](const DenoiseProgress& progress) {
    CHECK(progress.steps == 5);
    CHECK(progress.step == static_cast<std::int64_t>(sigmas.size()) + 1);
    sigmas.push_back(progress.sigma);
    return progress.step < 3;
  }};
  denoise(FlowMatchSchedule(5), to_clean(), noise, {}, options);
  CHECK(sigmas.size() == 3);
  CHECK(sigmas.back() < sigmas.front());
  options.progress = [](const DenoiseProgress&) -> bool { throw std::runtime_error("enough"); };
  CHECK_THROWS_WITH(denoise(FlowMatchSchedule(5), to_clean(), noise, {}, options), "enough");
}

TEST_CASE("a batch is denoised as its samples one by one") {
  const Denoiser denoiser = [](const at::Tensor& latents, const at::Tensor& timestep) {
    return at::sin(latents) * (timestep / 1000.0).view({-1, 1, 1, 1, 1});
  };
  const at::Tensor both = denoise(FlowMatchSchedule(6), denoiser, noise);
  for (int i = 0; i < 2; ++i) {
    CHECK(at::allclose(both.slice(0, i, i + 1), denoise(FlowMatchSchedule(6), denoiser, noise.slice(0, i, i + 1))));
  }
}

TEST_CASE("what does not fit is refused by name") {
  const FlowMatchSchedule schedule(2);
  CHECK_THROWS_AS(denoise(schedule, {}, noise), ValueError);
  CHECK_THROWS_AS(denoise(schedule, to_clean(), noise, {clean, {}}), ValueError);
  CHECK_THROWS_AS(denoise(schedule, to_clean(), noise, {clean[0], at::ones({1}, at::kBool)}), ShapeError);
  CHECK_THROWS_AS(denoise(schedule, to_clean(), noise, {clean, at::ones({7}, at::kBool)}), ShapeError);
  const auto wrong_shape = [](const at::Tensor& latents, const at::Tensor&) { return latents[0]; };
  CHECK_THROWS_AS(denoise(schedule, wrong_shape, noise), ShapeError);
  const auto not_finite = [](const at::Tensor& latents, const at::Tensor&) { return latents / 0.0; };
  CHECK_THROWS_WITH_AS(denoise(schedule, not_finite, noise),
                       "[sample::denoise] prediction: expected finite velocities, got a non-finite one in step 1",
                       NumericalError);
}
