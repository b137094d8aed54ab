// SPDX-License-Identifier: Apache-2.0
#include "parameters.hpp"

namespace action_images {

namespace {

WanBlock::Attention declare_attention(const Scope& scope, std::int64_t dim) {
  WanBlock::Attention attention;
  attention.q = nn::declare_linear(scope / "q", dim, dim);
  attention.k = nn::declare_linear(scope / "k", dim, dim);
  attention.v = nn::declare_linear(scope / "v", dim, dim);
  attention.o = nn::declare_linear(scope / "o", dim, dim);
  attention.norm_q = nn::declare_rms_norm(scope / "norm_q", dim);
  attention.norm_k = nn::declare_rms_norm(scope / "norm_k", dim);
  return attention;
}

}  // namespace

WanBlock declare_wan_block(const Scope& scope, const WanConfig& config) {
  const std::int64_t dim = config.dim;
  WanBlock block;
  block.self_attn = declare_attention(scope / "self_attn", dim);
  block.cross_attn = declare_attention(scope / "cross_attn", dim);
  block.norm3 = nn::declare_layer_norm(scope / "norm3", dim);
  block.ffn_in = nn::declare_linear(scope / "ffn" / 0, dim, config.ffn_dim);
  block.ffn_out = nn::declare_linear(scope / "ffn" / 2, config.ffn_dim, dim);
  block.modulation = scope.parameter("modulation", {1, 6, dim}, Init::normal_width);
  if (config.camera_channels == 0) return block;
  const auto& pool = config.camera_pool;
  block.cam_encoder =
      nn::declare_linear(scope / "cam_encoder" / 2, pool[0] * pool[1] * pool[2], dim, {.init = Init::zeros});
  block.projector = nn::declare_linear(scope / "projector", dim, dim, {.init = Init::identity});
  return block;
}

std::vector<nn::LinearParameters> declare_image_stem(const Scope& scope, const WanConfig& config) {
  std::vector<nn::LinearParameters> stem;
  if (config.image_stem.empty()) return stem;
  std::vector<std::int64_t> widths = config.image_stem;
  widths.push_back(config.dim);
  std::int64_t in = 3;
  for (const std::int64_t out : widths) {
    const Scope layer = scope / static_cast<std::int64_t>(stem.size());
    stem.push_back(
        {layer.parameter("weight", {out, in, 3, 3}, Init::kaiming), layer.parameter("bias", {out}, Init::zeros)});
    in = out;
  }
  return stem;
}

}  // namespace action_images
