// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/sampler_options.hpp>

#include <array>
#include <cmath>
#include <utility>

#include <action_images/core/check.hpp>
#include <action_images/sample/step_cache.hpp>

namespace action_images {
namespace {

constexpr std::array<std::pair<StepCacheKind, std::string_view>, 4> names{{{StepCacheKind::none, "none"},
                                                                           {StepCacheKind::cosine, "cosine"},
                                                                           {StepCacheKind::easy, "easy"},
                                                                           {StepCacheKind::tea, "tea"}}};

void check_threshold(const SamplerOptions& options, std::string_view where) {
  if (!options.step_cache_threshold) return;
  const double threshold = *options.step_cache_threshold;
  check(options.step_cache != StepCacheKind::none, where, "step_cache_threshold", "none without a step_cache",
        threshold);
  if (options.step_cache == StepCacheKind::cosine) {
    check(threshold >= -0.98 && threshold <= 1.0, where, "step_cache_threshold", "a number in [-0.98, 1]", threshold);
  } else {
    check(std::isfinite(threshold) && threshold >= 0.0, where, "step_cache_threshold", "a number >= 0", threshold);
  }
}

void check_schedule(const SamplerOptions& options, std::string_view where) {
  check(options.sigma_min >= 0.0 && options.sigma_min < 1.0, where, "sigma_min", "a number in [0, 1)",
        options.sigma_min);
  const bool own = options.sigma_min != 0.0 || !options.extra_one_step;
  check(!own || options.solver == SolverKind::euler, where, "sigma_min, extra_one_step",
        text_of("0 and true with the solver ", name_of(options.solver), ", whose noise levels are its own"),
        text_of(options.sigma_min, " and ", options.extra_one_step ? "true" : "false"));
}

}  // namespace

StepCacheKind step_cache_from_name(std::string_view name) {
  for (const auto& [kind, known] : names) {
    if (name == known) return kind;
  }
  throw ValueError(
      expected_text("world::step_cache_from_name", "step_cache", "none, cosine, easy or tea", printable(name)));
}

std::string_view name_of(StepCacheKind kind) { return names[static_cast<std::size_t>(kind)].second; }

double step_cache_threshold(const SamplerOptions& options) {
  switch (options.step_cache) {
    case StepCacheKind::cosine:
      return options.step_cache_threshold.value_or(0.95);
    case StepCacheKind::easy:
      return options.step_cache_threshold.value_or(ChangeOptions{}.threshold);
    case StepCacheKind::tea:
      return options.step_cache_threshold.value_or(TeaOptions{}.change.threshold);
    default:
      return 0.0;
  }
}

void check_sampler(const SamplerOptions& options, std::string_view where) {
  check(options.guidance_rescale >= 0.0 && options.guidance_rescale <= 1.0, where, "guidance_rescale",
        "a number in [0, 1]", options.guidance_rescale);
  const auto& [low, high] = options.guidance_interval;
  check(0.0 <= low && low <= high && high <= 1.0, where, "guidance_interval", "0 <= low <= high <= 1",
        text_of(low, ", ", high));
  check(!options.tea_polynomial.empty(), where, "tea_polynomial", "at least one coefficient", "none");
  for (const double coefficient : options.tea_polynomial) {
    check(std::isfinite(coefficient), where, "tea_polynomial", "finite numbers", coefficient);
  }
  check_threshold(options, where);
  check_schedule(options, where);
}

}  // namespace action_images
