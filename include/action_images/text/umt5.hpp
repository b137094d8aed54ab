// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>
#include <nlohmann/json_fwd.hpp>

#include <action_images/nn/blocks.hpp>
#include <action_images/nn/parameters.hpp>

namespace action_images {

/// Sizes of a UMT5 encoder; the defaults are UMT5-XXL, the text encoder of Wan 2.1 and 2.2.
struct UMT5Config {
  std::int64_t vocab = 256384;
  std::int64_t dim = 4096;
  std::int64_t dim_attn = 4096;  ///< width of queries, keys and values; a multiple of num_heads
  std::int64_t dim_ffn = 10240;
  std::int64_t num_heads = 64;
  std::int64_t num_layers = 24;
  std::int64_t num_buckets = 32;  ///< buckets of relative positions, both directions together; even
  bool shared_pos = false;        ///< one table of position biases for all layers (T5) instead of one each (UMT5)
};

/// Reads a config with the fields' names as keys (absent keys keep their defaults), or {"preset": "umt5-xxl"}.
/// @throws ValueError on an unknown key or a value out of range.
UMT5Config umt5_config(const nlohmann::json& config);

/// All fields as JSON; umt5_config() reads it back.
nlohmann::json umt5_config_json(const UMT5Config& config);

/// @throws ValueError, naming the field, if the sizes do not make a network.
void check_umt5_config(const UMT5Config& config);

/// The parameters of one layer.
struct UMT5Block {
  nn::NormParameters norm1, norm2;
  nn::LinearParameters q, k, v, o;      // no biases
  nn::LinearParameters gate, fc1, fc2;  // no biases
  at::Tensor pos_embedding;             // (num_buckets, num_heads), undefined when shared
};

/// The encoder of UMT5 (T5 v1.1 with gated GELU, RMS norms before each sublayer, relative position biases).
///
/// Parameters carry Wan's names: token_embedding.weight, blocks.N.{norm1,norm2}.weight, blocks.N.attn.{q,k,v,o}.weight,
/// blocks.N.ffn.{gate.0,fc1,fc2}.weight, blocks.N.pos_embedding.embedding.weight (or pos_embedding.embedding.weight
/// when shared), norm.weight.
class UMT5Encoder {
 public:
  /// @param parameters  where the weights live: its own by default, or over tensors that somebody else owns.
  /// @throws ValueError if the config does not make a network; FormatError if existing tensors do not fit it.
  explicit UMT5Encoder(const UMT5Config& config = {}, Parameters parameters = Parameters());

  /// Hidden states of token ids, in the parameters' dtype (the residual stream is float32 at least); autograd passes
  /// through.
  /// @param ids   (B, L) int64, each in [0, vocab).
  /// @param mask  (B, L), non-zero where a token is real; undefined: all are. Rows may differ in length.
  /// @return (B, L, dim), zero where the mask is (as Wan passes it on); no other state depends on what is there, and
  ///         columns at the end that are masked in every row cost nothing.
  /// @throws ShapeError on other shapes; ValueError if an id is out of range.
  at::Tensor encode(const at::Tensor& ids, const at::Tensor& mask = {}) const;

  const UMT5Config& config() const { return config_; }
  Parameters& parameters() { return parameters_; }
  const Parameters& parameters() const { return parameters_; }

 private:
  at::Tensor run(const at::Tensor& ids, const at::Tensor& masked) const;

  UMT5Config config_;
  Parameters parameters_;
  at::Tensor token_embedding_;
  at::Tensor pos_embedding_;  // (num_buckets, num_heads), defined when shared
  std::vector<UMT5Block> blocks_;
  nn::NormParameters norm_;
};

}  // namespace action_images
