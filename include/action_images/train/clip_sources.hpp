// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <action_images/data/clip_loader.hpp>
#include <action_images/train/latent_cache.hpp>
#include <action_images/train/latents.hpp>

namespace action_images {

/// Samples drawn from clips that were encoded before.
class CachedClips final : public LatentSource {
 public:
  CachedClips(LatentCache cache, std::uint64_t seed) : cache_(std::move(cache)), seed_(seed) {}
  LatentClip clip(std::int64_t index) override;

 private:
  LatentCache cache_;
  std::uint64_t seed_;
};

/// Samples that are read by threads and encoded when their turn comes.
class EncodedClips final : public LatentSource {
 public:
  /// @param loader  gives the clips in the order in which they will be asked for.
  /// @param config, vae  must outlive it.
  EncodedClips(std::unique_ptr<ClipLoader> loader, const WorldConfig& config, const VideoVae& vae, const VaeOptions& options)
      : loader_(std::move(loader)), config_(&config), vae_(&vae), options_(options) {}
  LatentClip clip(std::int64_t index) override;
  double waited() override;

 private:
  std::unique_ptr<ClipLoader> loader_;
  const WorldConfig* config_;
  const VideoVae* vae_;
  VaeOptions options_;
  double waited_ = 0.0;
};

}  // namespace action_images
