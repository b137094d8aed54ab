// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include <action_images/sample/guidance.hpp>
#include <action_images/sample/solver.hpp>

namespace action_images {

/// What spares evaluations of the network; each but `none` is lossy (docs/sampling.md has measured errors).
enum class StepCacheKind {
  none,    ///< "none": every step is evaluated
  cosine,  ///< "cosine": the release's rule, `--dynamic_cache_schedule`
  easy,    ///< "easy": EasyCache's criterion, the predictions' change estimated from the latents'
  tea,     ///< "tea": TeaCache's accumulated relative change, here of the latents, mapped by `tea_polynomial`
};

/// @throws ValueError, listing the names, for an unknown one.
StepCacheKind step_cache_from_name(std::string_view name);
std::string_view name_of(StepCacheKind kind);

/// How the denoising steps are made, besides their number and the strength of the guidance.
struct SamplerOptions {
  SolverKind solver = SolverKind::euler;
  double guidance_rescale = 0.0;      ///< 0..1, see rescale_guided()
  SigmaInterval guidance_interval{};  ///< noise levels with guidance; elsewhere the prompt alone is evaluated
  StepCacheKind step_cache = StepCacheKind::none;
  /// Of the cache. cosine: similarity from which a prediction stands for 4 steps, and 0.02 below for 2 (the release's
  /// 0.95); easy and tea: relative change that is tolerated (0.05 and 0.1). Not given: the number in brackets.
  std::optional<double> step_cache_threshold{};
  std::vector<double> tea_polynomial = {1.0, 0.0};  ///< coefficients, the highest power first
  double sigma_min = 0.0;                           ///< Euler only, see FlowMatchSchedule
  bool extra_one_step = true;                       ///< Euler only, see FlowMatchSchedule
};

/// The threshold that counts: the given one, or the cache's own; 0 without a cache.
double step_cache_threshold(const SamplerOptions& options);

/// @throws ValueError, in the name of `where`, for an option out of range or options that exclude each other.
void check_sampler(const SamplerOptions& options, std::string_view where);

}  // namespace action_images
