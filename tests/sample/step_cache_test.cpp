// SPDX-License-Identifier: Apache-2.0
#include <action_images/sample/step_cache.hpp>

#include <cmath>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <action_images/core/error.hpp>

using namespace action_images;

namespace {

const at::Tensor noise = seeded_noise({1, 4, 3, 6, 6}, 1);

// The exact velocity where every element of the data is 1 or -1, each with a normal deviation of 0.3: nearly straight
// early on, curved where the two part.
at::Tensor two_modes(const at::Tensor& latents, const at::Tensor& timestep) {
  const double sigma = timestep[0].item<double>() / 1000.0, alpha = 1.0 - sigma, spread = 0.3;
  const double variance = alpha * alpha * spread * spread + sigma * sigma;
  const double pull = alpha * spread * spread / variance;
  const at::Tensor sample = at::tanh(alpha / variance * latents) * (1.0 - alpha * pull) + pull * latents;
  return (latents - sample) / sigma;
}

// Predictions whose cosine similarities with the one before are given, beginning with the second.
struct Turning {
  std::vector<double> similarities;
  std::size_t calls = 0;
  double angle = 0.0;

  at::Tensor operator()(const at::Tensor&, const at::Tensor&) {
    if (calls > 0) angle += std::acos(similarities.at(calls - 1));
    ++calls;
    return at::tensor({std::cos(angle), std::sin(angle)}).view({1, 2});
  }
};

// Whether each of a number of steps was evaluated, as a text of "x" and ".".
std::string pattern_of(const StepCache& cache, std::int64_t steps) {
  std::string pattern;
  for (std::int64_t step = 0; step < steps; ++step) {
    const auto before = cache.statistics().evaluated;
    cache(at::full({1, 2}, static_cast<double>(step)), at::full({1}, static_cast<double>(1000 - step)));
    pattern += cache.statistics().evaluated > before ? 'x' : '.';
  }
  return pattern;
}

struct Measured {
  double error;  // mean |difference| / mean |exact|
  StepCacheStatistics statistics;
};

Measured run(std::unique_ptr<ReusePolicy> policy, SolverKind kind = SolverKind::euler) {
  const FlowMatchSchedule schedule = schedule_for(kind, 50);
  const DenoiseOptions options{.solver = make_solver(kind, schedule)};
  const StepCache cache(two_modes, std::move(policy));
  const at::Tensor exact = denoise(schedule, two_modes, noise, {}, options);
  const at::Tensor cached = denoise(schedule, cache, noise, {}, options);
  const double error = ((cached - exact).abs().mean() / exact.abs().mean()).item<double>();
  MESSAGE("evaluated " << cache.statistics().evaluated << " of 50, relative error " << error);
  return {error, cache.statistics()};
}

}  // namespace

TEST_CASE("the release's rule reuses a prediction 4 times above 0.95 and 2 times above 0.93, then evaluates") {
  CHECK(pattern_of({Turning{{0.96, 0.96, 0.9, 0.9}}, cosine_policy()}, 13) == "xx....x....xx");
  CHECK(pattern_of({Turning{{0.94, 0.92, 0.94, 0.0}}, cosine_policy()}, 9) == "xx..xx..x");
  CHECK(pattern_of({Turning{{0.92, 0.92, 0.92}}, cosine_policy()}, 4) == "xxxx");
}

TEST_CASE("a reused prediction is the last one, and statistics count both kinds") {
  const StepCache cache(Turning{{1.0, 0.0}}, cosine_policy());
  std::vector<at::Tensor> seen;
  for (int step = 0; step < 7; ++step) seen.push_back(cache(at::zeros({1, 2}), at::full({1}, 100.0 - step)));
  for (int step = 2; step < 6; ++step) CHECK(at::equal(seen[static_cast<std::size_t>(step)], seen[1]));
  CHECK_FALSE(at::equal(seen[6], seen[5]));
  CHECK(cache.statistics().evaluated == 3);
  CHECK(cache.statistics().reused == 4);
}

TEST_CASE("a cache begins anew with every run") {
  for (int kind = 0; kind < 3; ++kind) {
    const StepCache cache(two_modes, kind == 0 ? cosine_policy() : kind == 1 ? easy_policy() : tea_policy());
    const FlowMatchSchedule schedule(20);
    const at::Tensor first = denoise(schedule, cache, noise);
    const auto after_one = cache.statistics();
    CHECK(at::equal(denoise(schedule, cache, noise), first));
    CHECK(cache.statistics().evaluated == 2 * after_one.evaluated);
    CHECK(cache.statistics().reused == 2 * after_one.reused);
  }
}

TEST_CASE("with threshold 0 nothing is reused and the result is exact") {
  CHECK(run(easy_policy({.threshold = 0.0})).error == 0.0);
  CHECK(run(tea_policy({.change = {.threshold = 0.0}})).error == 0.0);
  CHECK(run(cosine_policy({})).error == 0.0);
}

TEST_CASE("a straight flow is integrated exactly whatever is skipped") {
  const at::Tensor clean = seeded_noise(noise.sizes(), 2);
  const Denoiser straight = [&](const at::Tensor&, const at::Tensor&) { return noise - clean; };
  const StepCache cache(straight, cosine_policy());
  CHECK((denoise(FlowMatchSchedule(50), cache, noise) - clean).abs().max().item<double>() < 1e-5);
  CHECK(cache.statistics().evaluated == 11);
}

TEST_CASE("warm-up steps are evaluated and no more steps in a row are skipped than allowed") {
  const Denoiser still = [](const at::Tensor& latents, const at::Tensor&) { return at::ones_like(latents); };
  ChangeOptions options{.threshold = 1e9, .warm_up = 3, .longest = 2};
  CHECK(pattern_of({still, easy_policy(options)}, 10) == "xxx..x..x.");
  CHECK(pattern_of({still, tea_policy({.change = options})}, 10) == "xxx..x..x.");
}

TEST_CASE("TeaCache adds up the polynomial of the indicator's relative change") {
  const Denoiser still = [](const at::Tensor& latents, const at::Tensor&) { return at::ones_like(latents); };
  TeaOptions options{.change = {.threshold = 0.5, .warm_up = 1, .longest = 100}};
  // 1, 1.1, 1.2, ...: relative changes 0.1, 0.09, 0.083, ...
  options.indicator = [](const at::Tensor&, const at::Tensor& timestep) { return 1.0 + (1000.0 - timestep) * 0.1; };
  CHECK(pattern_of({still, tea_policy(options)}, 9) == "x......x.");
  options.polynomial = {2.0, 0.0};
  CHECK(pattern_of({still, tea_policy(options)}, 9) == "x..x...x.");
  options.polynomial = {0.2};
  CHECK(pattern_of({still, tea_policy(options)}, 7) == "x..x..x");
}

TEST_CASE("error against the exact run grows with the threshold, and evaluations become fewer") {
  for (const SolverKind kind : {SolverKind::euler, SolverKind::unipc, SolverKind::dpmpp_2m}) {
    double error = 0.0;
    std::int64_t evaluated = 50;
    for (const double threshold : {0.01, 0.05, 0.3}) {
      const Measured measured = run(easy_policy({.threshold = threshold}), kind);
      CHECK(measured.statistics.evaluated + measured.statistics.reused == 50);
      CHECK(measured.statistics.evaluated < evaluated);
      CHECK(measured.error >= error);
      error = measured.error;
      evaluated = measured.statistics.evaluated;
    }
    CHECK(error < 0.2);
  }
}

TEST_CASE("EasyCache's criterion has a smaller error than the release's rule at no more evaluations") {
  const Measured release = run(cosine_policy());
  const Measured easy = run(easy_policy({.threshold = 0.3, .longest = 50}));
  CHECK(easy.statistics.evaluated <= release.statistics.evaluated);
  CHECK(easy.error < release.error);
}

TEST_CASE("what does not fit a step cache is refused by name") {
  CHECK_THROWS_AS(StepCache({}, cosine_policy()), ValueError);
  CHECK_THROWS_AS(StepCache(two_modes, nullptr), ValueError);
  CHECK_THROWS_WITH_AS(cosine_policy({{1.5, 2}}),
                       "[sample::cosine_policy] threshold: expected a number in [-1, 1], got 1.5", ValueError);
  CHECK_THROWS_AS(cosine_policy({{0.5, 0}}), ValueError);
  CHECK_THROWS_AS(easy_policy({.threshold = -1.0}), ValueError);
  CHECK_THROWS_AS(easy_policy({.warm_up = 0}), ValueError);
  CHECK_THROWS_AS(tea_policy({.change = {.longest = 0}}), ValueError);
  CHECK_THROWS_AS(tea_policy({.polynomial = {}}), ValueError);
}
