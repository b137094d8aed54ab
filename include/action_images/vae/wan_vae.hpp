// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>
#include <nlohmann/json_fwd.hpp>

#include <action_images/nn/parameters.hpp>
#include <action_images/vae/video_vae.hpp>
#include <action_images/vae/wan_vae_config.hpp>

namespace action_images {

namespace wan_vae {
struct Network;
class Memory;
}  // namespace wan_vae

/// Wan's causal video autoencoder: 2.2 (48 channels, 4 x 16 x 16, residual stages on patches) and 2.1 (16 channels,
/// 4 x 8 x 8). Parameters carry the names of the published checkpoints; wan_vae_names.hpp reads those of diffusers.
///
/// Clips run through WanVaeEncoder and WanVaeDecoder, so memory beyond input and output does not grow with their
/// length. Encoding gives (mean of the posterior - mean) / std per channel. One frame alone is a picture. In half
/// precision the norms' statistics are float32.
class WanVae final : public VideoVae {
 public:
  /// @param parameters  where they live: its own by default, or over tensors that somebody else owns.
  /// @throws ValueError if the config does not make a network; FormatError if existing tensors do not fit.
  explicit WanVae(const WanVaeConfig& config = {}, Parameters parameters = Parameters());

  std::int64_t channels() const override;
  std::int64_t spatial_stride() const override;
  std::int64_t temporal_stride() const override;
  Parameters& parameters() override { return parameters_; }
  const Parameters& parameters() const override { return parameters_; }
  nlohmann::json config() const override;

 private:
  friend class WanVaeEncoder;
  friend class WanVaeDecoder;

  at::Tensor encode_video(const at::Tensor& video, const VaeProgress& progress) const override;
  at::Tensor decode_latents(const at::Tensor& latents, const VaeProgress& progress) const override;

  Parameters parameters_;
  std::shared_ptr<const wan_vae::Network> network_;
};

/// Tensors for a WanVae with its kernels in the order in which they are multiplied; others are not copied.
TensorMap with_kernels_laid_out(const TensorMap& tensors);

/// Encodes a video as it comes in: the same bits for any grouping of the frames into calls, and as WanVae::encode of
/// the whole. Holds the tensors that the VAE held when it was made.
class WanVaeEncoder {
 public:
  explicit WanVaeEncoder(const WanVae& vae);
  WanVaeEncoder(WanVaeEncoder&&) noexcept;
  WanVaeEncoder& operator=(WanVaeEncoder&&) noexcept;
  ~WanVaeEncoder();

  /// Takes the next frames (B, 3, n, H, W) in [-1, 1], n >= 0.
  /// @return the latents that are complete now, (B, z, m, h, w), m >= 0: one after the first frame, then one after
  /// every
  ///         temporal_stride() frames.
  /// @throws ShapeError if the sizes are not multiples of the stride, or differ from the calls before.
  at::Tensor push(const at::Tensor& frames);

  /// Frames that wait for the rest of their group.
  std::int64_t pending() const;

 private:
  std::shared_ptr<const wan_vae::Network> network_;
  std::unique_ptr<wan_vae::Memory> memory_;
  at::Tensor pending_;               // (B, 3, n, H, W) or undefined
  std::vector<std::int64_t> sizes_;  // B, H, W of the clip
  bool begun_ = false;
};

/// Decodes latents as they come in: the same bits for any grouping of the latent frames into calls, and as
/// WanVae::decode of the whole. Holds the tensors that the VAE held when it was made.
class WanVaeDecoder {
 public:
  /// @param clamp  whether to cut the video to [-1, 1].
  explicit WanVaeDecoder(const WanVae& vae, bool clamp = true);
  WanVaeDecoder(WanVaeDecoder&&) noexcept;
  WanVaeDecoder& operator=(WanVaeDecoder&&) noexcept;
  ~WanVaeDecoder();

  /// Takes the next normalised latents (B, z, m, h, w), m >= 0.
  /// @return their frames (B, 3, n, H, W): one for the clip's first latent frame, temporal_stride() for every other.
  /// @throws ShapeError if the sizes differ from the calls before.
  at::Tensor push(const at::Tensor& latents);

 private:
  std::shared_ptr<const wan_vae::Network> network_;
  std::unique_ptr<wan_vae::Memory> memory_;
  std::vector<std::int64_t> sizes_;  // B, h, w of the clip
  bool clamp_;
};

}  // namespace action_images
