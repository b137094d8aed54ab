// SPDX-License-Identifier: Apache-2.0
#include <action_images/vae/wan_vae.hpp>

#include <utility>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "progress.hpp"
#include "wan_network.hpp"

namespace action_images {
namespace {

// A kernel that lies in memory as (out, time, height, width, in), which is how it is multiplied.
at::Tensor laid_out(const at::Tensor& parameter) {
  if (parameter.dim() < 4 || parameter.size(1) == 1) return parameter;
  const auto format = parameter.dim() == 5 ? at::MemoryFormat::ChannelsLast3d : at::MemoryFormat::ChannelsLast;
  return parameter.detach().contiguous(format);
}

void lay_out_kernels(const Parameters& parameters) {
  for (const auto& [name, parameter] : parameters.named()) {
    if (const at::Tensor kernel = laid_out(parameter); !kernel.is_same(parameter)) parameter.set_data(kernel);
  }
}

}  // namespace

TensorMap with_kernels_laid_out(const TensorMap& tensors) {
  TensorMap result;
  for (const auto& [name, tensor] : tensors) result.emplace(name, laid_out(tensor));
  return result;
}

WanVae::WanVae(const WanVaeConfig& config, Parameters parameters) : parameters_(std::move(parameters)) {
  network_ = std::make_shared<const wan_vae::Network>(wan_vae::declare_network(Scope(parameters_), checked(config)));
  parameters_.finish();
  if (!parameters_.borrowed()) lay_out_kernels(parameters_);
}

std::int64_t WanVae::channels() const { return network_->config.z_dim; }
std::int64_t WanVae::spatial_stride() const { return network_->config.spatial_stride(); }
std::int64_t WanVae::temporal_stride() const { return network_->config.temporal_stride(); }
nlohmann::json WanVae::config() const { return wan_vae_config_json(network_->config); }

at::Tensor WanVae::encode_video(const at::Tensor& video, const VaeProgress& progress) const {
  WanVaeEncoder encoder(*this);
  const std::int64_t total = latent_frames(video.size(2));
  std::vector<at::Tensor> latents;
  for (std::int64_t i = 0, begin = 0; i < total; ++i) {
    const std::int64_t frames = i == 0 ? 1 : temporal_stride();
    latents.push_back(encoder.push(video.narrow(2, begin, frames)));
    begin += frames;
    report(progress, i + 1, total);
  }
  return at::cat(latents, 2);
}

at::Tensor WanVae::decode_latents(const at::Tensor& latents, const VaeProgress& progress) const {
  WanVaeDecoder decoder(*this, /*clamp=*/false);
  const std::int64_t total = latents.size(2), s = spatial_stride();
  at::Tensor video;
  for (std::int64_t i = 0, begin = 0; i < total; ++i) {
    const at::Tensor frames = decoder.push(latents.narrow(2, i, 1));
    if (i == 0) {
      video = at::empty({latents.size(0), 3, this->frames(total), latents.size(3) * s, latents.size(4) * s},
                        frames.options());
    }
    video.narrow(2, begin, frames.size(2)).copy_(frames);
    begin += frames.size(2);
    report(progress, i + 1, total);
  }
  return video;
}

}  // namespace action_images
