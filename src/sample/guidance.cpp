// SPDX-License-Identifier: Apache-2.0
#include <action_images/sample/guidance.hpp>

#include <cmath>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>

namespace action_images {
namespace {

at::Tensor at_least_float(const at::Tensor& tensor) {
  return tensor.to(at::promote_types(tensor.scalar_type(), at::kFloat));
}

void check_scale(const char* where, double scale) {
  check(std::isfinite(scale), where, "scale", "a finite number", scale);
}

void check_rescale(const char* where, double rescale) {
  check(rescale >= 0.0 && rescale <= 1.0, where, "rescale", "a number in [0, 1]", rescale);
}

// Standard deviation of each sample, (B, 1, ...).
at::Tensor deviation(const at::Tensor& batch) {
  std::vector<std::int64_t> axes;
  for (std::int64_t axis = 1; axis < batch.dim(); ++axis) axes.push_back(axis);
  return batch.std(axes, /*unbiased=*/true, /*keepdim=*/true);
}

}  // namespace

at::Tensor guide(const at::Tensor& conditional, const at::Tensor& unconditional, double scale) {
  check_shape(unconditional.sizes() == conditional.sizes(), "sample::guide", "unconditional",
              shape_text(conditional.sizes()), unconditional.sizes());
  check_scale("sample::guide", scale);
  const at::Tensor base = at_least_float(unconditional);
  return base + scale * (at_least_float(conditional) - base);
}

at::Tensor rescale_guided(const at::Tensor& guided, const at::Tensor& conditional, double rescale) {
  constexpr auto where = "sample::rescale_guided";
  check_shape(guided.dim() >= 2, where, "guided", "(B, ...)", guided.sizes());
  check_shape(conditional.sizes() == guided.sizes(), where, "conditional", shape_text(guided.sizes()),
              conditional.sizes());
  check_rescale(where, rescale);
  const at::Tensor prediction = at_least_float(guided);
  const at::Tensor ratio = deviation(at_least_float(conditional)) / deviation(prediction);
  const at::Tensor factor = rescale * ratio + (1.0 - rescale);
  // A prediction without any deviation has none to bring back.
  return prediction * at::where(factor.isfinite(), factor, 1.0);
}

Denoiser guided(Denoiser conditional, Denoiser unconditional, const GuidanceOptions& options) {
  constexpr auto where = "sample::guided";
  check_scale(where, options.scale);
  check_rescale(where, options.rescale);
  check(static_cast<bool>(conditional), where, "conditional", "a denoiser", "none");
  if (options.scale == 1.0) return conditional;
  check(static_cast<bool>(unconditional), where, "unconditional", "a denoiser (the scale is not 1)", "none");
  return [conditional = std::move(conditional), unconditional = std::move(unconditional), options](
             const at::Tensor& latents, const at::Tensor& timestep) {
    const at::Tensor wanted = conditional(latents, timestep);
    const at::Tensor result = guide(wanted, unconditional(latents, timestep), options.scale);
    return options.rescale == 0.0 ? result : rescale_guided(result, wanted, options.rescale);
  };
}

Denoiser within(const SigmaInterval& interval, Denoiser inside, Denoiser outside) {
  constexpr auto where = "sample::within";
  check(0.0 <= interval.low && interval.low <= interval.high && interval.high <= 1.0, where, "interval",
        "0 <= low <= high <= 1", text_of(interval.low, " to ", interval.high));
  check(inside && outside, where, "inside, outside", "two denoisers", "an empty one");
  return [interval, inside = std::move(inside), outside = std::move(outside)](const at::Tensor& latents,
                                                                              const at::Tensor& timestep) {
    const at::Tensor sigma = timestep.to(at::kCPU, at::kDouble) / 1000.0;
    const at::Tensor is_inside = (sigma >= interval.low).logical_and_(sigma <= interval.high);
    if (is_inside.all().item<bool>()) return inside(latents, timestep);
    if (!is_inside.any().item<bool>()) return outside(latents, timestep);
    std::vector<std::int64_t> per_sample(static_cast<std::size_t>(latents.dim()), 1);
    per_sample[0] = timestep.size(0);
    return at::where(is_inside.to(latents.device()).view(per_sample), inside(latents, timestep),
                     outside(latents, timestep));
  };
}

}  // namespace action_images
