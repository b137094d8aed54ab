// SPDX-License-Identifier: Apache-2.0
#include <action_images/sample/solver.hpp>

#include <cmath>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <action_images/core/error.hpp>
#include <action_images/sample/denoise.hpp>

using namespace action_images;

namespace {

constexpr SolverKind all_solvers[] = {SolverKind::euler, SolverKind::unipc, SolverKind::unipc_bh1,
                                      SolverKind::dpmpp_2m};
constexpr SolverKind second_order[] = {SolverKind::unipc, SolverKind::unipc_bh1, SolverKind::dpmpp_2m};

const at::Tensor noise = seeded_noise({2, 3, 4, 5, 5}, 1).to(at::kDouble);

// The data are normal with this standard deviation, so that the flow is known: x_sigma grows with its own deviation.
constexpr double spread = 0.5;
double deviation(double sigma) { return std::hypot((1.0 - sigma) * spread, sigma); }

at::Tensor normal_velocity(const at::Tensor& latents, const at::Tensor& timestep) {
  const double sigma = timestep[0].item<double>() / 1000.0;
  const double slope = sigma - (1.0 - sigma) * spread * spread;
  return latents * (slope / (deviation(sigma) * deviation(sigma)));
}

at::Tensor solve(SolverKind kind, const FlowMatchSchedule& schedule, const Denoiser& denoiser,
                 const at::Tensor& start = noise) {
  return denoise(schedule, denoiser, start, {}, {.solver = make_solver(kind, schedule)});
}

// Mean error on the flow of normal data, relative to the exact end.
double error_on_normal_data(SolverKind kind, std::int64_t steps) {
  const FlowMatchSchedule schedule = schedule_for(kind, steps, 3.0);
  const at::Tensor exact = noise * (deviation(0.0) / deviation(schedule.sigma(0)));
  return ((solve(kind, schedule, normal_velocity) - exact).abs().mean() / exact.abs().mean()).item<double>();
}

}  // namespace

TEST_CASE("every solver reaches the clean sample that a denoiser knows, in any number of steps") {
  const at::Tensor clean = seeded_noise({2, 3, 4, 5, 5}, 2).to(at::kDouble);
  const Denoiser knowing = from_sample_prediction([&](const at::Tensor&, const at::Tensor&) { return clean; });
  for (const SolverKind kind : all_solvers) {
    for (const std::int64_t steps : {1, 2, 3, 10}) {
      CAPTURE(name_of(kind));
      for (const FlowMatchSchedule& schedule : {schedule_for(kind, steps), FlowMatchSchedule(steps)})
        CHECK((solve(kind, schedule, knowing) - clean).abs().max().item<double>() < 1e-5);
    }
  }
}

TEST_CASE("solvers of order 2 come closer to a known flow than Euler steps, and twice the steps closer still") {
  const double euler_error = error_on_normal_data(SolverKind::euler, 20);
  for (const SolverKind kind : {SolverKind::unipc, SolverKind::dpmpp_2m}) {
    CAPTURE(name_of(kind));
    CHECK(error_on_normal_data(kind, 20) < 0.5 * euler_error);
    CHECK(error_on_normal_data(kind, 40) < 0.6 * error_on_normal_data(kind, 20));
  }
}

TEST_CASE("one step of every solver is the Euler step") {
  for (const SolverKind kind : second_order) {
    const FlowMatchSchedule schedule = schedule_for(kind, 1);
    CHECK(at::allclose(solve(kind, schedule, normal_velocity), solve(SolverKind::euler, schedule, normal_velocity)));
  }
}

TEST_CASE("kept latents do not change what the others become") {
  const at::Tensor keep = at::zeros({1, 1, 4, 1, 1}, at::kBool);
  keep.select(2, 0).fill_(true);
  for (const SolverKind kind : all_solvers) {
    const FlowMatchSchedule schedule = schedule_for(kind, 6);
    const DenoiseOptions options{.solver = make_solver(kind, schedule)};
    const at::Tensor held = denoise(schedule, normal_velocity, noise, {at::ones_like(noise), keep}, options);
    const at::Tensor free = denoise(schedule, normal_velocity, noise, {}, options);
    CHECK(at::equal(held.select(2, 0), at::ones_like(noise).select(2, 0)));
    CHECK(at::equal(held.slice(2, 1), free.slice(2, 1)));
  }
}

TEST_CASE("a solver forgets a run when the next one begins, also one that was cut short") {
  for (const SolverKind kind : all_solvers) {
    const FlowMatchSchedule schedule = schedule_for(kind, 5);
    const DenoiseOptions once{.solver = make_solver(kind, schedule)};
    DenoiseOptions again{.progress = [](const DenoiseProgress& done) { return done.step < 3; }};
    again.solver = make_solver(kind, schedule);
    denoise(schedule, normal_velocity, 2.0 * noise, {}, again);
    again.progress = {};
    CHECK(at::equal(denoise(schedule, normal_velocity, noise, {}, once),
                    denoise(schedule, normal_velocity, noise, {}, again)));
  }
}

TEST_CASE("latents of half precision are kept in float32 between the steps") {
  const at::Tensor half = noise.to(at::kBFloat16);
  const Denoiser denoiser = [](const at::Tensor& latents, const at::Tensor& timestep) {
    return normal_velocity(latents.to(at::kFloat), timestep);
  };
  for (const SolverKind kind : all_solvers) {
    const FlowMatchSchedule schedule = schedule_for(kind, 50);
    const at::Tensor exact = solve(kind, schedule, denoiser, half.to(at::kFloat));
    const at::Tensor result = solve(kind, schedule, denoiser, half);
    CHECK((result.scalar_type() == at::kBFloat16));
    // The denoiser sees rounded latents, so there is an error of bfloat16's size, but not fifty of them.
    CHECK(((result.to(at::kFloat) - exact).abs().mean() / exact.abs().mean()).item<double>() < 0.005);
  }
}

TEST_CASE("names and kinds of solvers are the same") {
  for (const SolverKind kind : all_solvers) CHECK(solver_from_name(name_of(kind)) == kind);
  CHECK_THROWS_WITH_AS(solver_from_name("heun"),
                       "[sample::solver_from_name] solver: expected euler, unipc, unipc-bh1 or dpm++2m, got heun",
                       ValueError);
}

TEST_CASE("steps out of order and schedules that end at 0 are refused by name") {
  const FlowMatchSchedule schedule(4);
  const Solver solver = unipc(schedule);
  const at::Tensor latents = at::zeros({1, 2});
  solver(latents, 0, latents);
  CHECK_THROWS_WITH_AS(solver(latents, 2, latents),
                       "[sample::unipc] index: expected 0 or, after the last call, 1, got 2", ValueError);
  CHECK_THROWS_AS(solver(at::zeros({3}), 1, latents), ShapeError);
  CHECK_THROWS_AS(dpmpp_2m(FlowMatchSchedule(5, 5.0, 0.0, false)), ValueError);
  CHECK_THROWS_AS(schedule_for(SolverKind::unipc, 0), ValueError);
  CHECK_THROWS_AS(FlowMatchSchedule::from_sigmas(at::tensor({0.5, 0.7})), ValueError);
  CHECK_THROWS_AS(FlowMatchSchedule::from_sigmas(at::tensor({0.5, 0.0})), ValueError);
  CHECK_THROWS_AS(FlowMatchSchedule::from_sigmas(at::ones({1, 1})), ShapeError);
}
