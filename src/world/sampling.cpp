// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/sampling.hpp>

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

}  // namespace

at::Tensor sample_latents(const WorldNetwork& network, const WorldInputs& inputs, const SampleOptions& options) {
  const at::NoGradGuard no_gradients;
  const WorldConditions conditions = network.prepare(inputs);
  Denoiser unconditional;
  if (options.guidance != 1.0) {
    WorldInputs negative = inputs;
    negative.text_ids = options.negative.ids;
    negative.text_mask = options.negative.mask;
    negative.text = options.negative_text;
    unconditional = denoiser_of(network, network.prepare(negative));
  }
  bool stopped = false;
  DenoiseOptions denoise_options;
  denoise_options.progress = [&](const DenoiseProgress& done) {
    stopped = options.progress && !options.progress(static_cast<int>(done.step), static_cast<int>(done.steps));
    return !stopped;
  };
  const at::Tensor noise = seeded_noise(conditions.clean.sizes(), options.seed);
  const at::Tensor latents =
      denoise(FlowMatchSchedule(options.steps, options.shift),
              guided(denoiser_of(network, conditions), unconditional, {options.guidance}), noise,
              {conditions.clean, conditions.given.expand_as(conditions.clean)}, denoise_options);
  if (stopped) throw Interrupted("[world::sample_latents] stopped by the progress callback");
  return latents;
}

}  // namespace action_images
