// SPDX-License-Identifier: Apache-2.0
#include <action_images/vae/patch_vae.hpp>

#include <utility>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>

#include "patches.hpp"
#include "progress.hpp"

namespace action_images {
namespace {

constexpr auto where = "vae::PatchVae";

void check_config(const PatchVaeConfig& config) {
  check(config.spatial_patch >= 1 && config.spatial_patch <= 64, where, "spatial_patch", "1 to 64",
        config.spatial_patch);
  check(config.temporal_patch >= 1 && config.temporal_patch <= 64, where, "temporal_patch", "1 to 64",
        config.temporal_patch);
  check(config.channels >= 1 && config.channels <= config.patch_size(), where, "channels",
        text_of("1 to ", config.patch_size(), ", the numbers of a patch"), config.channels);
}

}  // namespace

PatchVaeConfig patch_vae_config(const nlohmann::json& object) {
  check(object.is_object(), where, "config", "an object", object.type_name());
  PatchVaeConfig config;
  for (const auto& [key, value] : object.items()) {
    if (key == "kind") {
      check(value == "patch", where, key, "\"patch\"", value.dump());
      continue;
    }
    std::int64_t* field = key == "channels"         ? &config.channels
                          : key == "spatial_patch"  ? &config.spatial_patch
                          : key == "temporal_patch" ? &config.temporal_patch
                                                    : nullptr;
    check(field != nullptr, where, "config", "the keys kind, channels, spatial_patch, temporal_patch", '"' + key + '"');
    check(value.is_number_integer(), where, key, "a whole number", value.dump());
    *field = value.get<std::int64_t>();
  }
  check_config(config);
  return config;
}

PatchVae::PatchVae(const PatchVaeConfig& config, Parameters parameters)
    : config_(config), parameters_(std::move(parameters)) {
  check_config(config_);
  const std::int64_t z = config_.channels, r = config_.temporal_patch, s = config_.spatial_patch;
  encoder_weight_ = parameters_.declare("encoder.weight", {z, 3, r, s, s}, Init::zeros);
  encoder_bias_ = parameters_.declare("encoder.bias", {z}, Init::zeros);
  decoder_weight_ = parameters_.declare("decoder.weight", {z, 3, r, s, s}, Init::zeros);
  decoder_bias_ = parameters_.declare("decoder.bias", {3}, Init::zeros);
  mean_ = parameters_.declare("mean", {z}, Init::zeros);
  std_ = parameters_.declare("std", {z}, Init::ones);
  parameters_.finish();
}

nlohmann::json PatchVae::config() const {
  return {{"kind", "patch"},
          {"channels", config_.channels},
          {"spatial_patch", config_.spatial_patch},
          {"temporal_patch", config_.temporal_patch}};
}

at::Tensor PatchVae::encode_video(const at::Tensor& video, const VaeProgress& progress) const {
  const std::int64_t s = config_.spatial_patch;
  const at::Tensor patches = patches_from_video(video.to(encoder_weight_.options()), config_);
  report(progress, latent_frames(video.size(2)), latent_frames(video.size(2)));
  const at::Tensor weight = encoder_weight_.flatten(1) / std_.unsqueeze(1);
  const at::Tensor latents = at::linear(patches, weight, (encoder_bias_ - mean_) / std_);
  return latents.view({video.size(0), latent_frames(video.size(2)), video.size(3) / s, video.size(4) / s, channels()})
      .permute({0, 4, 1, 2, 3})
      .contiguous();
}

at::Tensor PatchVae::decode_latents(const at::Tensor& latents, const VaeProgress& progress) const {
  const at::Tensor rows = latents.to(decoder_weight_.options()).permute({0, 2, 3, 4, 1}).reshape({-1, channels()});
  report(progress, latents.size(2), latents.size(2));
  const at::Tensor bias = decoder_bias_.repeat_interleave(config_.patch_size() / 3);
  const at::Tensor patches = at::addmm(bias, rows * std_ + mean_, decoder_weight_.flatten(1));
  return video_from_patches(patches, {latents.size(0), latents.size(2), latents.size(3), latents.size(4)}, config_);
}

}  // namespace action_images
