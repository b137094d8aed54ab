// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include <action_images/tensor/tensor_map.hpp>
#include <action_images/wan/config.hpp>
#include <action_images/wan/transformer.hpp>

namespace action_images {

/// The transformer in pieces, each a function of parameters that come with the call: for weights that are not all in
/// memory at once, such as those of sharded modules. Piece after piece it computes what WanTransformer does:
///
///     tokens = embed(outer, latents, timestep, inputs)
///     for each block: tokens.x = block(parameters of the block, tokens)
///     velocity = head(outer, tokens, inputs.grid)
///
/// Holds no tensors and keeps none. Autograd passes through; all functions may be called from several threads.
class WanFunctional {
 public:
  using Shapes = std::vector<std::pair<std::string, std::vector<std::int64_t>>>;

  /// What embed() gives to the blocks and the head.
  struct Tokens {
    at::Tensor x = {};                ///< (B, N, dim)
    at::Tensor text = {};             ///< (B, L, dim)
    at::Tensor image = {};            ///< (B, M, dim) of the CLIP tokens, or undefined
    at::Tensor camera = {};           ///< (B, T, values of camera_pool), or undefined without cameras
    at::Tensor time_embedding = {};   ///< (S, U, dim) of U distinct time steps; S = B, or 1 if all samples share them
    at::Tensor time_projection = {};  ///< (S, U, 6, dim)
    at::Tensor time_index = {};       ///< (B, N) int64: row of each token in (S, U); undefined: U = 1
    at::Tensor rotary = {};           ///< (N, head_dim / 2) complex64
  };

  /// @throws ValueError if the config does not make a network.
  explicit WanFunctional(WanConfig config);

  /// Names and shapes of the parameters outside of the blocks, as published, in the order of WanTransformer; those of
  /// the blocks would be between "time_projection.1.bias" and "head.head.weight".
  Shapes outer_shapes() const;
  /// Names and shapes of one block's parameters, without "blocks.N.".
  Shapes block_shapes() const;

  /// @param outer  the parameters of outer_shapes(), of one dtype and device.
  /// @param latents, timestep  as WanTransformer::forward.
  /// @throws as WanTransformer::prepare and forward; FormatError if the parameters do not fit.
  Tokens embed(const TensorMap& outer, const at::Tensor& latents, const at::Tensor& timestep,
               const WanInputs& inputs) const;

  /// The tokens (B, N, dim) after a block.
  /// @param block  the parameters of block_shapes().
  /// @throws FormatError if the parameters do not fit; ShapeError if the tokens do not.
  at::Tensor block(const TensorMap& block, const Tokens& tokens) const;

  /// The velocity (B, out_dim, T, H, W) in the parameters' dtype.
  /// @param tokens  of which x, time_embedding and time_index are used.   @param grid  (T, H, W) of the latents.
  /// @throws FormatError if the parameters do not fit; ShapeError if the tokens do not.
  at::Tensor head(const TensorMap& outer, const Tokens& tokens, const std::array<std::int64_t, 3>& grid) const;

  const WanConfig& config() const { return config_; }

 private:
  WanConfig config_;
};

}  // namespace action_images
