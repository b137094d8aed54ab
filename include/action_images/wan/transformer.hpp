// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <action_images/nn/parameters.hpp>
#include <action_images/wan/config.hpp>
#include <action_images/wan/layers.hpp>

namespace action_images {

/// What a video is generated from, besides noise.
struct WanInputs {
  at::Tensor text;  ///< (B, L, text_dim) states of the prompt; zero rows = padding, attended as Wan does
  std::optional<at::Tensor> camera = {};  ///< (B, T, camera_channels, H, W) at latent resolution; none: zeros
  /// (B, V, 3, H_px, W_px) in [-1, 1], only with image_stem: the features of view v are added to all tokens of the v-th
  /// of V equal runs of latent frames.
  std::optional<at::Tensor> first_frames = {};
  std::vector<std::int64_t> time_positions = {};  ///< rotary time index of each frame of tokens; empty: 0, 1, 2, ...
  std::array<std::int64_t, 3> grid = {0, 0, 0};   ///< (T, H, W) of the latents
  /// (B, C, T, H, W): channels that follow those of the noisy latents; none: these have all in_dim channels. Wan's I2V
  /// models: 4 of a mask, 1 where the frame is given, then the latents of the given picture and of grey.
  std::optional<at::Tensor> y = {};
  std::optional<at::Tensor> clip = {};  ///< (B, M, 1280) tokens of the picture, needed by has_image_input
};

/// Everything that stays the same over the denoising steps, computed once by WanTransformer::prepare().
struct WanConditions {
  struct KeysValues {
    at::Tensor keys = {};    ///< (B, L, heads, head_dim), normalised
    at::Tensor values = {};  ///< (B, L, heads, head_dim)
  };

  std::array<std::int64_t, 3> grid = {0, 0, 0};  ///< (T, H, W) of the latents
  std::vector<KeysValues> text;                  ///< per block, of the cross-attention
  std::vector<KeysValues> image;                 ///< per block, of the CLIP tokens; empty without has_image_input
  std::vector<at::Tensor> camera;                ///< per block (B, T, dim); empty without cameras
  at::Tensor rotary;                             ///< (N, head_dim / 2) complex64
  at::Tensor stem;                               ///< (B, V, tokens of a frame, dim), or undefined
  at::Tensor pooled_text;                        ///< (B, dim), or undefined
  at::Tensor y;                                  ///< (B, C, T, H, W), or undefined
};

/// Which linear layers of the blocks get low-rank changes, and of what size.
struct LoraLayers {
  std::int64_t rank = 16;
  double alpha = 16.0;  ///< the change is alpha / rank B A
  std::vector<std::string> targets = {"self_attn.q", "self_attn.k", "self_attn.v", "self_attn.o",
                                      "cross_attn.q", "cross_attn.k", "cross_attn.v", "cross_attn.o"};
  std::uint64_t seed = 0;  ///< of A
};

struct WanForwardOptions {
  /// Keeps only the input of each block for the backward pass, which runs the block again (nn::checkpoint).
  bool checkpoint = false;
  /// With `checkpoint`: what is kept of each block's input lies in the CPU's memory until then.
  bool offload = false;
};

/// Wan's video diffusion transformer (2.1 and 2.2), with the camera layers of Action Images when camera_channels > 0.
///
/// Parameters carry the names of the published checkpoints. A camera-conditioned block computes
///
///     h = norm1(x) (1 + scale) + shift + cam_encoder(camera of the token's frame)
///     x <- x + gate projector(self_attn(h))
///
/// and then cross-attends and feeds forward as Wan's. Computes in the parameters' dtype (float32, bfloat16) on their
/// device; autograd passes through prepare() and forward().
///
/// parameters().initialize(seed) starts training from scratch: linear weights xavier, output projections too; text and
/// time embeddings normal 0.02; modulations normal 1 / sqrt(dim); the head zero, so that the first prediction is zero;
/// cameras without effect (cam_encoder zero, projector identity); convolutions of the image stem kaiming; biases zero.
class WanTransformer {
 public:
  /// @param parameters  where the weights live: its own by default, or over tensors that somebody else owns.
  /// @throws ValueError if the config does not make a network; FormatError if existing tensors do not fit it.
  explicit WanTransformer(WanConfig config, Parameters parameters = Parameters());

  /// What forward() needs besides latents and time step.
  /// @throws ShapeError if an input does not fit the config or the grid; ValueError if an input is given that the
  ///         config has no layers for, or first frames are missing where it has.
  WanConditions prepare(const WanInputs& inputs) const;

  /// Velocity of noisy latents.
  /// @param latents   (B, in_dim without the channels of y, T, H, W), with the grid of the conditions.
  /// @param timestep  (B), or one for every token (B, N), in [0, 1000].
  /// @return (B, out_dim, T, H, W), in the parameters' dtype.
  /// @throws ShapeError on other shapes.
  at::Tensor forward(const at::Tensor& latents, const at::Tensor& timestep, const WanConditions& conditions,
                     const WanForwardOptions& options = {}) const;

  /// Gives linear layers of the blocks trainable low-rank changes, zero at first: the network's own parameters stay what
  /// they are. The names are "blocks.0.self_attn.q.lora_A.weight" (rank, in) and "... .lora_B.weight" (out, rank), which
  /// Lora reads; they share memory with what is returned.
  /// @throws ValueError if a target names no layer, or the rank is not positive.
  Parameters add_lora(const LoraLayers& layers);

  Parameters& parameters() { return parameters_; }
  const Parameters& parameters() const { return parameters_; }
  const WanConfig& config() const { return config_; }

 private:
  WanConfig config_;
  Parameters parameters_;
  WanOuterLayers outer_;
  std::vector<WanBlock> blocks_;
};

}  // namespace action_images
