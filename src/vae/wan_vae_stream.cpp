// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>
#include <action_images/vae/wan_vae.hpp>

#include "wan_network.hpp"

namespace action_images {
namespace {

// Statistics (z) as (z, 1, 1, 1) beside a tensor (B, z, T, h, w).
at::Tensor per_channel(const at::Tensor& statistics, const at::Tensor& like) {
  return statistics.to(like.options()).view({-1, 1, 1, 1});
}

at::Tensor encode_chunk(const wan_vae::Network& network, const at::Tensor& frames, wan_vae::Memory& memory) {
  const at::Tensor features =
      wan_vae::features_from_video(frames.to(network.conv1.weight.options()), network.config.patch());
  const at::Tensor moments = wan_vae::pointwise(network.conv1, wan_vae::run_coder(network.encoder, features, memory));
  const at::Tensor mean = moments.narrow(-1, 0, network.config.z_dim).permute({0, 4, 1, 2, 3});
  return ((mean.to(at::kFloat) - per_channel(network.mean, mean.to(at::kFloat))) /
          per_channel(network.std, mean.to(at::kFloat)))
      .to(mean.scalar_type())
      .contiguous();
}

at::Tensor decode_chunk(const wan_vae::Network& network, const at::Tensor& latents, wan_vae::Memory& memory) {
  const at::Tensor given = latents.to(network.conv2.weight.device(), at::kFloat);
  const at::Tensor scaled = given * per_channel(network.std, given) + per_channel(network.mean, given);
  const at::Tensor features = scaled.permute({0, 2, 3, 4, 1}).contiguous().to(network.conv2.weight.scalar_type());
  const at::Tensor decoded = wan_vae::run_coder(network.decoder, wan_vae::pointwise(network.conv2, features), memory);
  return wan_vae::video_from_features(decoded, network.config.patch());
}

}  // namespace

WanVaeEncoder::WanVaeEncoder(const WanVae& vae)
    : network_(vae.network_), memory_(std::make_unique<wan_vae::Memory>()) {}
WanVaeEncoder::WanVaeEncoder(WanVaeEncoder&&) noexcept = default;
WanVaeEncoder& WanVaeEncoder::operator=(WanVaeEncoder&&) noexcept = default;
WanVaeEncoder::~WanVaeEncoder() = default;

std::int64_t WanVaeEncoder::pending() const { return pending_.defined() ? pending_.size(2) : 0; }

at::Tensor WanVaeEncoder::push(const at::Tensor& frames) {
  constexpr auto where = "vae::WanVaeEncoder::push";
  const std::int64_t s = network_->config.spatial_stride(), r = network_->config.temporal_stride();
  check_shape(frames.dim() == 5 && frames.size(1) == 3 && frames.size(0) > 0, where, "frames", "(B, 3, n, H, W)",
              frames.sizes());
  check_shape(frames.size(3) > 0 && frames.size(3) % s == 0 && frames.size(4) > 0 && frames.size(4) % s == 0, where,
              "frames", text_of("H and W multiples of ", s), frames.sizes());
  check(frames.is_floating_point(), where, "frames", "floating-point numbers in [-1, 1]", frames.scalar_type());
  const std::vector<std::int64_t> sizes = {frames.size(0), frames.size(3), frames.size(4)};
  if (sizes_.empty()) sizes_ = sizes;
  check_shape(sizes == sizes_, where, "frames", text_of("(B, H, W) = ", shape_text(sizes_), " as before"), sizes);

  at::Tensor left = pending() > 0 ? at::cat({pending_, frames}, 2) : frames;
  std::vector<at::Tensor> latents = {
      at::empty({sizes[0], network_->config.z_dim, 0, sizes[1] / s, sizes[2] / s}, network_->conv1.weight.options())};
  while (left.size(2) >= (begun_ ? r : 1)) {
    const std::int64_t group = begun_ ? r : 1;
    latents.push_back(encode_chunk(*network_, left.narrow(2, 0, group), *memory_));
    left = left.narrow(2, group, left.size(2) - group);
    begun_ = true;
  }
  pending_ = left.size(2) > 0 ? left.clone() : at::Tensor();
  return latents.size() == 2 ? latents[1] : at::cat(latents, 2);
}

WanVaeDecoder::WanVaeDecoder(const WanVae& vae, bool clamp)
    : network_(vae.network_), memory_(std::make_unique<wan_vae::Memory>()), clamp_(clamp) {}
WanVaeDecoder::WanVaeDecoder(WanVaeDecoder&&) noexcept = default;
WanVaeDecoder& WanVaeDecoder::operator=(WanVaeDecoder&&) noexcept = default;
WanVaeDecoder::~WanVaeDecoder() = default;

at::Tensor WanVaeDecoder::push(const at::Tensor& latents) {
  constexpr auto where = "vae::WanVaeDecoder::push";
  const std::int64_t z = network_->config.z_dim, s = network_->config.spatial_stride();
  const bool fits =
      latents.dim() == 5 && latents.size(0) > 0 && latents.size(1) == z && latents.size(3) > 0 && latents.size(4) > 0;
  check_shape(fits, where, "latents", text_of("(B, ", z, ", m, h, w)"), latents.sizes());
  check(latents.is_floating_point(), where, "latents", "floating-point numbers", latents.scalar_type());
  const std::vector<std::int64_t> sizes = {latents.size(0), latents.size(3), latents.size(4)};
  if (sizes_.empty()) sizes_ = sizes;
  check_shape(sizes == sizes_, where, "latents", text_of("(B, h, w) = ", shape_text(sizes_), " as before"), sizes);

  std::vector<at::Tensor> video = {
      at::empty({sizes[0], 3, 0, sizes[1] * s, sizes[2] * s}, network_->conv2.weight.options())};
  for (std::int64_t i = 0; i < latents.size(2); ++i) {
    const at::Tensor frames = decode_chunk(*network_, latents.narrow(2, i, 1), *memory_);
    video.push_back(clamp_ ? frames.clamp(-1.0, 1.0) : frames);
  }
  return video.size() == 2 ? video[1] : at::cat(video, 2);
}

}  // namespace action_images
