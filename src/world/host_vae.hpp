// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>

#include <nlohmann/json.hpp>

#include <action_images/vae/video_vae.hpp>

namespace action_images {

/// A VAE that computes on its own device in its own dtype, seen as one of float32 tensors on the CPU.
class HostVae final : public VideoVae {
 public:
  explicit HostVae(std::unique_ptr<VideoVae> vae) : vae_(std::move(vae)) {}

  std::int64_t channels() const override { return vae_->channels(); }
  std::int64_t spatial_stride() const override { return vae_->spatial_stride(); }
  std::int64_t temporal_stride() const override { return vae_->temporal_stride(); }
  Parameters& parameters() override { return vae_->parameters(); }
  const Parameters& parameters() const override { return std::as_const(*vae_).parameters(); }
  nlohmann::json config() const override { return vae_->config(); }

 private:
  at::Tensor encode_video(const at::Tensor& video, const VaeProgress& progress) const override {
    return vae_->encode(video, {.progress = progress}).to(at::kCPU, at::kFloat);
  }
  at::Tensor decode_latents(const at::Tensor& latents, const VaeProgress& progress) const override {
    return vae_->decode(latents, /*clamp=*/false, {.progress = progress}).to(at::kCPU, at::kFloat);
  }

  std::unique_ptr<VideoVae> vae_;
};

}  // namespace action_images
