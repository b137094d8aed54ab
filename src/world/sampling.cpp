// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/sampling.hpp>

#include <memory>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <action_images/sample/denoise.hpp>
#include <action_images/sample/guidance.hpp>

namespace action_images {
namespace {

Denoiser denoiser_of(const WorldNetwork& network, WorldConditions conditions) {
  return [&network, conditions = std::move(conditions)](const at::Tensor& latents, const at::Tensor& timestep) {
    return network.predict_velocity(latents, timestep / 1000.0, conditions);
  };
}

// Everything that the steps have in common is prepared here, once, for the prompt and for the negative one.
Denoiser guided_denoiser(const WorldNetwork& network, const WorldInputs& inputs, const WorldConditions& conditions,
                         const SampleOptions& options) {
  const Denoiser conditional = denoiser_of(network, conditions);
  if (options.guidance == 1.0) return conditional;
  WorldInputs negative = inputs;
  const std::int64_t batch = inputs.video.size(0);
  if (options.negative_text.defined()) {
    negative.text = options.negative_text.expand({batch, -1, -1});
  } else {
    negative.text = at::Tensor();
    negative.text_ids = options.negative.ids.expand({batch, -1});
    negative.text_mask = options.negative.mask.expand({batch, -1});
  }
  const Denoiser unconditional = denoiser_of(network, network.prepare(negative));
  return within(options.sampler.guidance_interval,
                guided(conditional, unconditional, {options.guidance, options.sampler.guidance_rescale}), conditional);
}

std::unique_ptr<ReusePolicy> policy_of(const SamplerOptions& options) {
  const double threshold = step_cache_threshold(options);
  switch (options.step_cache) {
    case StepCacheKind::cosine:
      return cosine_policy({{threshold, 4}, {threshold - 0.02, 2}});
    case StepCacheKind::easy:
      return easy_policy({.threshold = threshold});
    default:
      return tea_policy({.change = {.threshold = threshold}, .indicator = {}, .polynomial = options.tea_polynomial});
  }
}

FlowMatchSchedule schedule_of(const SampleOptions& options) {
  const SamplerOptions& sampler = options.sampler;
  if (sampler.solver != SolverKind::euler) return schedule_for(sampler.solver, options.steps, options.shift);
  return FlowMatchSchedule(options.steps, options.shift, sampler.sigma_min, sampler.extra_one_step);
}

}  // namespace

Sampled sample_latents(const WorldNetwork& network, const WorldInputs& inputs, const SampleOptions& options) {
  const at::NoGradGuard no_gradients;
  check_sampler(options.sampler, "world::sample_latents");
  const WorldConditions conditions = network.prepare(inputs);
  Denoiser denoiser = guided_denoiser(network, inputs, conditions, options);
  StepCacheStatistics exact{.evaluated = options.steps};
  std::optional<StepCache> cache;
  if (options.sampler.step_cache != StepCacheKind::none) {
    denoiser = cache.emplace(std::move(denoiser), policy_of(options.sampler));
  }
  bool stopped = false;
  const FlowMatchSchedule schedule = schedule_of(options);
  DenoiseOptions denoise_options{.solver = make_solver(options.sampler.solver, schedule)};
  denoise_options.progress = [&](const DenoiseProgress& done) {
    stopped = options.progress && !options.progress(static_cast<int>(done.step), static_cast<int>(done.steps));
    return !stopped;
  };
  const at::Tensor noise = seeded_noise(conditions.clean.sizes(), options.seed).to(conditions.clean.device());
  const at::Tensor latents = denoise(schedule, denoiser, noise,
                                     {conditions.clean, conditions.given.expand_as(conditions.clean)}, denoise_options);
  if (stopped) throw Interrupted("[world::sample_latents] stopped by the progress callback");
  return {latents, cache ? cache->statistics() : exact};
}

}  // namespace action_images
