// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include <ATen/core/Tensor.h>
#include <nlohmann/json_fwd.hpp>

#include <action_images/nn/parameters.hpp>
#include <action_images/vae/tiling.hpp>

namespace action_images {

/// Called with (latent frames done, latent frames); returning false stops by an Interrupted error. Tiles count each.
using VaeProgress = std::function<bool(std::int64_t done, std::int64_t total)>;

struct VaeOptions {
  std::optional<Tiling> tiling = {};  ///< none: the whole picture at once
  VaeProgress progress = {};
};

/// A causal video autoencoder: T = r k + 1 frames become k + 1 latent frames (r = temporal stride), the first frame
/// alone in the first one, and every latent frame depends on the frames up to its own only.
///
/// Videos are (B, 3, T, H, W), RGB in [-1, 1]; latents are (B, z, T_l, H/s, W/s), normalised per channel, which is how
/// the world model sees them. Both run in the dtype and on the device of the parameters; autograd passes through.
class VideoVae {
 public:
  virtual ~VideoVae() = default;

  /// Normalised latents of a video; one frame is a picture.
  /// @throws ShapeError unless video is (B, 3, r k + 1, H, W) with H and W multiples of the spatial stride; Interrupted
  /// if
  ///         the progress callback says so.
  at::Tensor encode(const at::Tensor& video, const VaeOptions& options = {}) const;

  /// Video of normalised latents, cut to [-1, 1] unless clamp is false.
  /// @throws ShapeError unless latents is (B, z, T_l, h, w) with every size at least 1; Interrupted if the progress
  ///         callback says so.
  at::Tensor decode(const at::Tensor& latents, bool clamp = true, const VaeOptions& options = {}) const;

  virtual std::int64_t channels() const = 0;         ///< z, latent channels
  virtual std::int64_t spatial_stride() const = 0;   ///< s, pixels a latent in height and width
  virtual std::int64_t temporal_stride() const = 0;  ///< r, frames a latent frame (but the first)

  /// Latent frames of a video of this many frames. @throws ShapeError unless frames = r k + 1.
  std::int64_t latent_frames(std::int64_t frames) const;
  /// Frames of a video of this many latent frames: r (latent_frames - 1) + 1. @throws ShapeError if not positive.
  std::int64_t frames(std::int64_t latent_frames) const;

  virtual Parameters& parameters() = 0;
  virtual const Parameters& parameters() const = 0;

  /// What makes an equal VAE again with make_video_vae(); its "kind" names the class.
  virtual nlohmann::json config() const = 0;

 private:
  at::Tensor encode_tiles(const at::Tensor& video, const VaeOptions& options) const;
  at::Tensor decode_tiles(const at::Tensor& latents, const VaeOptions& options) const;

  // The shapes have been checked; the decoded video is not clamped.
  virtual at::Tensor encode_video(const at::Tensor& video, const VaeProgress& progress) const = 0;
  virtual at::Tensor decode_latents(const at::Tensor& latents, const VaeProgress& progress) const = 0;
};

/// A VAE of the config's "kind" ("patch" or "wan"), its parameters not yet loaded.
/// @throws ValueError if the kind is unknown or a key is wrong.
std::unique_ptr<VideoVae> make_video_vae(const nlohmann::json& config);

/// The same over tensors that are there, in their dtype and on their device; nothing is copied but kernels that lie in
/// memory in another order than they are multiplied in.
/// @throws ValueError as above; FormatError that lists all missing, unexpected and mis-shaped tensors together.
std::unique_ptr<VideoVae> make_video_vae(const nlohmann::json& config, const TensorMap& tensors);

}  // namespace action_images
