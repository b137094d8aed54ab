// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <tuple>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <action_images/core/check.hpp>
#include <action_images/vae/patch_vae.hpp>

#include "patches.hpp"

namespace action_images {
namespace {

constexpr double smallest_deviation = 1e-3;  // of a component, relative to the leading one's

// Leading eigenvectors (channels, P), each with its entry of largest magnitude positive.
at::Tensor principal_components(const at::Tensor& moment, std::int64_t channels) {
  const at::Tensor ascending = std::get<1>(at::linalg_eigh(moment));
  const at::Tensor leading = ascending.flip({1}).narrow(1, 0, channels).t().contiguous();
  const at::Tensor largest = leading.abs().argmax(1, /*keepdim=*/true);
  return leading * leading.gather(1, largest).sign();
}

// std_c = a deviation_c^power, with a such that the mean of (deviation_c / std_c)^2 is 1.
at::Tensor normalising_std(const at::Tensor& deviation, double power) {
  const at::Tensor floored = at::maximum(deviation, deviation.max() * smallest_deviation);
  const at::Tensor shaped = floored.pow(power);
  return shaped * (deviation / shaped).square().mean().sqrt();
}

}  // namespace

PatchVaeFit::PatchVaeFit(const PatchVaeConfig& config) : config_(config) {
  PatchVaeConfig any = config;
  any.channels = 1;
  const std::int64_t size = PatchVae(any).parameters().at("encoder.weight").numel();  // checks the patch sizes
  sum_ = at::zeros({size}, at::kDouble);
  moment_ = at::zeros({size, size}, at::kDouble);
}

void PatchVaeFit::add(const at::Tensor& video, double weight) {
  constexpr auto where = "vae::PatchVaeFit::add";
  const std::int64_t r = config_.temporal_patch, s = config_.spatial_patch;
  const bool fits = video.dim() == 5 && video.size(1) == 3 && video.size(2) >= 1 && (video.size(2) - 1) % r == 0 &&
                    video.size(3) % s == 0 && video.size(4) % s == 0;
  check_shape(fits, where, "video", text_of("(B, 3, ", r, "k + 1, H, W), H and W multiples of ", s), video.sizes());
  check(std::isfinite(weight) && weight > 0.0, where, "weight", "a positive number", weight);
  check(video.isfinite().all().item<bool>(), where, "video", "finite numbers", "others");
  const at::NoGradGuard no_grad;
  for (std::int64_t sample = 0; sample < video.size(0); ++sample) {  // one by one: patches are float64 here
    const at::Tensor patches = patches_from_video(video.narrow(0, sample, 1).to(at::kCPU, at::kDouble), config_);
    moment_.addmm_(patches.t(), patches, 1.0, weight);
    sum_.add_(patches.sum(0), weight);
    count_ += weight * static_cast<double>(patches.size(0));
  }
}

PatchVae PatchVaeFit::solve(std::int64_t channels, double std_power) const {
  constexpr auto where = "vae::PatchVaeFit::solve";
  check(count_ > 0.0, where, "video", "at least one added", "none");
  check(std_power >= 0.0 && std_power <= 1.0, where, "std_power", "a number in [0, 1]", std_power);
  PatchVaeConfig config = config_;
  config.channels = channels;
  PatchVae vae(config);

  const at::Tensor mean = sum_ / count_;
  const at::Tensor colour = mean.view({3, -1}).mean(1);
  const at::Tensor centre = colour.repeat_interleave(config.patch_size() / 3);
  const at::Tensor about_mean = moment_ / count_ - at::outer(mean, mean);
  const at::Tensor about_colour = about_mean + at::outer(mean - centre, mean - centre);
  const at::Tensor components = principal_components(about_colour, channels);
  const at::Tensor variance = (components.matmul(about_mean) * components).sum(1).clamp_min(0.0);
  check<NumericalError>(variance.max().item<double>() > 1e-12, where, "video", "videos that vary", "constant ones");

  const at::IntArrayRef shape = vae.parameters().at("encoder.weight").sizes();
  const at::Tensor weight = components.view(shape);
  vae.parameters().load({{"encoder.weight", weight},
                         {"encoder.bias", -components.mv(centre)},
                         {"decoder.weight", weight},
                         {"decoder.bias", colour},
                         {"mean", components.mv(mean - centre)},
                         {"std", normalising_std(variance.sqrt(), std_power)}});
  return vae;
}

}  // namespace action_images
