// SPDX-License-Identifier: Apache-2.0
#include <action_images/sample/guidance.hpp>

#include <cmath>
#include <utility>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>

namespace action_images {

at::Tensor guide(const at::Tensor& conditional, const at::Tensor& unconditional, double scale) {
  check_shape(unconditional.sizes() == conditional.sizes(), "sample::guide", "unconditional",
              shape_text(conditional.sizes()), unconditional.sizes());
  check(std::isfinite(scale), "sample::guide", "scale", "a finite number", scale);
  return unconditional + scale * (conditional - unconditional);
}

Denoiser guided(Denoiser conditional, Denoiser unconditional, double scale) {
  check(std::isfinite(scale), "sample::guided", "scale", "a finite number", scale);
  check(static_cast<bool>(conditional), "sample::guided", "conditional", "a denoiser", "none");
  if (scale == 1.0) return conditional;
  check(static_cast<bool>(unconditional), "sample::guided", "unconditional", "a denoiser (the scale is not 1)", "none");
  return [conditional = std::move(conditional), unconditional = std::move(unconditional), scale](
             const at::Tensor& latents, const at::Tensor& timestep) {
    return guide(conditional(latents, timestep), unconditional(latents, timestep), scale);
  };
}

}  // namespace action_images
