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

void declare_image_attention(WanBlock::Attention& attention, const Scope& scope, std::int64_t dim) {
  attention.k_img = nn::declare_linear(scope / "k_img", dim, dim);
  attention.v_img = nn::declare_linear(scope / "v_img", dim, dim);
  attention.norm_k_img = nn::declare_rms_norm(scope / "norm_k_img", dim);
}

WanImageEmbedding declare_image_embedding(const Scope& scope, const WanConfig& config) {
  if (!config.has_image_input) return {};
  const Scope layers = scope / "proj";
  WanImageEmbedding embedding;
  embedding.norm_in = nn::declare_layer_norm(layers / 0, wan_clip_dim);
  embedding.hidden = nn::declare_linear(layers / 1, wan_clip_dim, wan_clip_dim);
  embedding.out = nn::declare_linear(layers / 3, wan_clip_dim, config.dim);
  embedding.norm_out = nn::declare_layer_norm(layers / 4, config.dim);
  return embedding;
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

}  // namespace

WanOuterLayers declare_wan_embeddings(const Scope& root, const WanConfig& config) {
  const std::int64_t dim = config.dim;
  const auto& patch = config.patch_size;
  const Scope embedding = root / "patch_embedding";
  const nn::LinearOptions embed{.init = Init::normal_002};
  WanOuterLayers layers;
  layers.patch_embedding = {
      embedding.parameter("weight", {dim, config.in_dim, patch[0], patch[1], patch[2]}, Init::xavier),
      embedding.parameter("bias", {dim}, Init::zeros)};
  layers.text_embedding_0 = nn::declare_linear(root / "text_embedding" / 0, config.text_dim, dim, embed);
  layers.text_embedding_2 = nn::declare_linear(root / "text_embedding" / 2, dim, dim, embed);
  layers.time_embedding_0 = nn::declare_linear(root / "time_embedding" / 0, config.freq_dim, dim, embed);
  layers.time_embedding_2 = nn::declare_linear(root / "time_embedding" / 2, dim, dim, embed);
  layers.time_projection = nn::declare_linear(root / "time_projection" / 1, dim, 6 * dim);
  return layers;
}

WanBlock declare_wan_block(const Scope& scope, const WanConfig& config) {
  const std::int64_t dim = config.dim;
  WanBlock block;
  block.self_attn = declare_attention(scope / "self_attn", dim);
  block.cross_attn = declare_attention(scope / "cross_attn", dim);
  if (config.has_image_input) declare_image_attention(block.cross_attn, scope / "cross_attn", dim);
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

void declare_wan_head(WanOuterLayers& layers, const Scope& root, const WanConfig& config) {
  const auto& patch = config.patch_size;
  const std::int64_t patch_values = config.out_dim * patch[0] * patch[1] * patch[2];
  layers.head = nn::declare_linear(root / "head" / "head", config.dim, patch_values, {.init = Init::zeros});
  layers.head_modulation = (root / "head").parameter("modulation", {1, 2, config.dim}, Init::normal_width);
  layers.image_stem = declare_image_stem(root / "image_stem", config);
  layers.image_embedding = declare_image_embedding(root / "img_emb", config);
}

}  // namespace action_images
