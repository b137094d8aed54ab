// SPDX-License-Identifier: Apache-2.0
#include <action_images/sample/flow_match.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <action_images/core/error.hpp>

using namespace action_images;

TEST_CASE("sigmas fall from 1, and the extra step ends at 0 exactly") {
  for (const std::int64_t steps : {1, 2, 7, 50, 1000}) {
    const FlowMatchSchedule schedule(steps);
    REQUIRE(schedule.sigmas().sizes() == at::IntArrayRef({steps}));
    CHECK(schedule.sigma(0) == doctest::Approx(1.0));
    CHECK(schedule.sigma(steps) == 0.0);
    for (std::int64_t i = 0; i < steps; ++i) CHECK(schedule.sigma(i + 1) < schedule.sigma(i));
  }
}

TEST_CASE("the shift maps an even grid by shift u / (1 + (shift - 1) u)") {
  const FlowMatchSchedule schedule(4, 5.0);
  const double expected[] = {1.0, 3.75 / 4.0, 2.5 / 3.0, 1.25 / 2.0};
  for (int i = 0; i < 4; ++i) CHECK(schedule.sigma(i) == doctest::Approx(expected[i]).epsilon(1e-6));
  CHECK(schedule.timesteps()[1].item<double>() == doctest::Approx(937.5));
}

TEST_CASE("without the extra step the last sigma is sigma_min, shifted") {
  const FlowMatchSchedule schedule(5, 1.0, 0.1, false);
  CHECK(schedule.sigma(4) == doctest::Approx(0.1).epsilon(1e-6));
}

TEST_CASE("training weights have the mean 1 and vanish at one end") {
  const FlowMatchSchedule schedule(1000);
  CHECK(schedule.training_weights().mean().item<double>() == doctest::Approx(1.0).epsilon(1e-4));
  CHECK(schedule.training_weights().min().item<double>() == 0.0);
  CHECK(FlowMatchSchedule(1).training_weights().item<double>() == 1.0);
}

TEST_CASE("stepping along the true velocity recovers the clean latents, whatever the number of steps") {
  const at::Tensor clean = seeded_noise({2, 3, 4}, 1), noise = seeded_noise({2, 3, 4}, 2);
  for (const std::int64_t steps : {1, 3, 20}) {
    const FlowMatchSchedule schedule(steps);
    at::Tensor latents = noise;
    for (std::int64_t i = 0; i < steps; ++i) latents = schedule.step(noise - clean, i, latents);
    CHECK((latents - clean).abs().max().item<double>() < 1e-5);
  }
}

TEST_CASE("noise of one step for each sample equals the samples' noise one by one") {
  const FlowMatchSchedule schedule(10);
  const at::Tensor clean = seeded_noise({3, 2, 2}, 1), noise = seeded_noise({3, 2, 2}, 2);
  const at::Tensor mixed = schedule.add_noise(clean, noise, at::arange(7, 10, at::kLong));
  for (int i = 0; i < 3; ++i) CHECK(at::allclose(mixed[i], schedule.add_noise(clean[i], noise[i], 7 + i)));
}

TEST_CASE("the nearest step of every timestep is the step itself") {
  const FlowMatchSchedule schedule(1000);
  for (std::int64_t i = 0; i < 1000; ++i) CHECK(schedule.nearest(schedule.timesteps()[i].item<double>()) == i);
}

TEST_CASE("sample and velocity predictions are two forms of the same") {
  const at::Tensor latents = seeded_noise({2, 5}, 1), velocity = seeded_noise({2, 5}, 2);
  const at::Tensor sample = sample_from_velocity(velocity, latents, 0.3);
  CHECK(at::allclose(velocity_from_sample(sample, latents, 0.3), velocity, 1e-4, 1e-5));
}

TEST_CASE("seeded noise depends on its seed alone") {
  CHECK(at::equal(seeded_noise({4, 33}, 5), seeded_noise({4, 33}, 5)));
  CHECK_FALSE(at::equal(seeded_noise({4, 33}, 5), seeded_noise({4, 33}, 6)));
  CHECK(seeded_noise({100000}, 1).std().item<double>() == doctest::Approx(1.0).epsilon(0.02));
}

TEST_CASE("arguments out of range are refused by name") {
  CHECK_THROWS_AS(FlowMatchSchedule(0), ValueError);
  CHECK_THROWS_AS(FlowMatchSchedule(5, 0.0), ValueError);
  CHECK_THROWS_AS(FlowMatchSchedule(5, 5.0, 1.0), ValueError);
  const FlowMatchSchedule schedule(5);
  const at::Tensor latents = at::zeros({2, 3});
  CHECK_THROWS_WITH_AS(schedule.step(latents, 5, latents),
                       "[sample::FlowMatchSchedule::step] index: expected 0 to 4, got 5", ValueError);
  CHECK_THROWS_AS(schedule.step(at::zeros({2}), 0, latents), ShapeError);
  CHECK_THROWS_AS(schedule.add_noise(latents, at::zeros({2}), 0), ShapeError);
  CHECK_THROWS_AS(schedule.add_noise(latents, latents, at::tensor({0, 5}, at::kLong)), ValueError);
  CHECK_THROWS_AS(velocity_from_sample(latents, latents, 0.0), ValueError);
}
