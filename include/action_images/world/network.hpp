// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include <ATen/core/Tensor.h>

#include <action_images/text/umt5.hpp>
#include <action_images/wan/transformer.hpp>
#include <action_images/world/config.hpp>
#include <action_images/world/packing.hpp>

namespace action_images {

/// A batch as the network sees it. Latents that are not given clean may hold anything.
struct WorldInputs {
  Packing packing;
  Task task = Task::i2va;
  bool first_action_known = true;
  std::int64_t given_views = 0;  ///< as Packing::clean_mask takes it
  bool checkpoint = false;       ///< gradient checkpointing, see WanForwardOptions
  bool checkpoint_offload = false;
  at::Tensor video{};         ///< latents [B, V, C, T_l, h, w]
  at::Tensor action{};        ///< latents [B, V, C, T_l, h, w]; undefined if the packing has no actions
  /// Pluecker latents [B, V, T_l, 2C, h, w], or undefined; [B, V, 1, 2C, h, w] and [B, V, 2C, h, w] are the same in
  /// every latent frame.
  at::Tensor camera{};
  at::Tensor first_frames{};  ///< pixels [B, V, 3, H, W] in [-1, 1], or undefined
  at::Tensor text_ids{};      ///< int64 [B, L], for the network's own text encoder
  at::Tensor text_mask{};     ///< bool or int64 [B, L], non-zero for tokens
  at::Tensor text{};          ///< states [B, L, D] of the prompts, instead of ids and mask; padding rows are zero
};

/// What is constant over the denoising steps of a batch.
struct WorldConditions {
  at::Tensor clean;     ///< [B, C, T, h, w] float32: the given latent frames, 0 elsewhere
  at::Tensor given;     ///< bool [1, 1, T, 1, 1]
  at::Tensor channels;  ///< [B, C', T, h, w], or undefined
  at::Tensor base;      ///< [B, C, T, h, w] that a residual prediction is added to, or undefined
  WanConditions wan;
  WanForwardOptions forward;
};

/// Transformer and text encoder with the conventions of a world model around them; differentiable. Inputs may be on
/// another device than the networks and in another dtype; what comes out is float32 where the inputs are.
class WorldNetwork {
 public:
  /// Both networks, with parameters of their own.
  explicit WorldNetwork(const WorldConfig& config);

  /// A transformer that is there, such as one on mapped weights, without a text encoder: inputs bring states.
  /// @throws ValueError if the transformer's config is not that of `config`.
  WorldNetwork(const WorldConfig& config, WanTransformer transformer);

  /// @throws ShapeError if the inputs do not fit the packing or the networks; ValueError if they bring no states and
  ///         there is no text encoder.
  WorldConditions prepare(const WorldInputs& inputs) const;

  /// Estimate of the clean latents. @param noisy [B, C, T, h, w]  @param sigma noise level [B], 0..1
  at::Tensor predict_sample(const at::Tensor& noisy, const at::Tensor& sigma, const WorldConditions& conditions) const;

  /// Estimate of noise - clean, the field that samplers integrate. Same arguments.
  at::Tensor predict_velocity(const at::Tensor& noisy, const at::Tensor& sigma, const WorldConditions& conditions) const;

  const WanTransformer& transformer() const { return transformer_; }
  WanTransformer& transformer() { return transformer_; }
  /// @throws ValueError if there is none.
  const UMT5Encoder& text_encoder() const;
  bool has_text_encoder() const { return text_encoder_.has_value(); }
  const WorldConfig& config() const { return config_; }

  /// Parameters of the networks under "transformer." and "text_encoder.".
  TensorMap state() const;
  void load(const TensorMap& tensors);
  void initialize(std::uint64_t seed);
  void to(at::ScalarType dtype);
  void requires_grad(bool on);

 private:
  at::Tensor encode_text(const WorldInputs& inputs) const;
  at::Tensor condition_channels(const WorldInputs& inputs, const at::Tensor& given) const;
  at::Tensor residual_base(const WorldInputs& inputs) const;
  at::Tensor run(const at::Tensor& noisy, const at::Tensor& sigma, const WorldConditions& conditions) const;

  WorldConfig config_;
  WanTransformer transformer_;
  std::optional<UMT5Encoder> text_encoder_;
};

}  // namespace action_images
