// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>
#include <nlohmann/json_fwd.hpp>

#include <action_images/nn/parameters.hpp>
#include <action_images/vae/video_vae.hpp>

namespace action_images {

struct PatchVaeConfig {
  std::int64_t channels = 48;       ///< latent channels, at most the numbers of a patch
  std::int64_t spatial_patch = 8;   ///< height and width of a patch [px]
  std::int64_t temporal_patch = 4;  ///< frames of a patch

  /// Numbers of one patch: 3 x temporal_patch x spatial_patch^2.
  std::int64_t patch_size() const { return 3 * temporal_patch * spatial_patch * spatial_patch; }
};

/// Reads {"kind": "patch", "channels", "spatial_patch", "temporal_patch"}; absent keys keep their defaults.
/// @throws ValueError on an unknown key or a value out of range.
PatchVaeConfig patch_vae_config(const nlohmann::json& config);

/// Linear causal video codec: each patch of r frames x s x s pixels is multiplied by one matrix, and back by another.
///
/// The first frame is repeated r times, so that the groups are [x0 .. x0], [x1 .. xr], [xr+1 .. x2r], ...; decoding
/// takes the first frame back as the mean of its group. Small and exact enough for a world model that must train on a
/// CPU. Parameters: encoder.weight and decoder.weight (z, 3, r, s, s), encoder.bias (z), decoder.bias (3), mean (z),
/// std (z): latent = (encoder(x) - mean) / std.
class PatchVae final : public VideoVae {
 public:
  /// Parameters are zeros (std: ones) until they are loaded; PatchVaeFit makes a fitted codec.
  /// @param parameters  where they live: its own by default, or over tensors that somebody else owns.
  /// @throws ValueError if a size is not positive or channels exceeds the numbers of a patch; FormatError if existing
  ///         tensors do not fit.
  explicit PatchVae(const PatchVaeConfig& config = {}, Parameters parameters = Parameters());

  std::int64_t channels() const override { return config_.channels; }
  std::int64_t spatial_stride() const override { return config_.spatial_patch; }
  std::int64_t temporal_stride() const override { return config_.temporal_patch; }
  Parameters& parameters() override { return parameters_; }
  const Parameters& parameters() const override { return parameters_; }
  nlohmann::json config() const override;

 private:
  at::Tensor encode_video(const at::Tensor& video, const VaeProgress& progress) const override;
  at::Tensor decode_latents(const at::Tensor& latents, const VaeProgress& progress) const override;

  PatchVaeConfig config_;
  Parameters parameters_;
  at::Tensor encoder_weight_, encoder_bias_, decoder_weight_, decoder_bias_, mean_, std_;
};

/// Fits a PatchVae in closed form: the principal components of the patches of all videos seen, about the mean colour.
class PatchVaeFit {
 public:
  /// @param config  patch sizes; its channels are not used here (solve() names them).
  explicit PatchVaeFit(const PatchVaeConfig& config = {});

  /// Adds the patches of a video (B, 3, r k + 1, H, W) in [-1, 1], each counted `weight` times.
  /// @throws ShapeError as VideoVae::encode; ValueError if the weight is not positive or the video is not finite.
  void add(const at::Tensor& video, double weight = 1.0);

  /// The codec with the leading `channels` components.
  ///
  /// With sd_c the standard deviation of component c, std_c = a sd_c^std_power, where a makes the mean square of the
  /// normalised latents 1: power 1 whitens them, power 0 keeps their proportions, and 0.5 lies between.
  /// @throws ValueError if nothing was added or an argument is out of range; NumericalError if the videos are constant.
  PatchVae solve(std::int64_t channels = 48, double std_power = 0.5) const;

 private:
  PatchVaeConfig config_;
  double count_ = 0.0;  // weighted number of patches
  at::Tensor sum_;      // (P) float64
  at::Tensor moment_;   // (P, P) float64, sum of x x^T
};

}  // namespace action_images
