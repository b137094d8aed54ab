// SPDX-License-Identifier: Apache-2.0
#include <action_images/text/umt5_names.hpp>

#include <algorithm>
#include <utility>

#include <action_images/core/check.hpp>

namespace action_images {

namespace {

using Renamed = std::pair<std::string_view, std::string_view>;

constexpr Renamed outside_blocks[] = {
    {"shared.weight", "token_embedding.weight"},
    {"encoder.final_layer_norm.weight", "norm.weight"},
};
constexpr Renamed inside_block[] = {
    {"layer.0.layer_norm.weight", "norm1.weight"},
    {"layer.0.SelfAttention.q.weight", "attn.q.weight"},
    {"layer.0.SelfAttention.k.weight", "attn.k.weight"},
    {"layer.0.SelfAttention.v.weight", "attn.v.weight"},
    {"layer.0.SelfAttention.o.weight", "attn.o.weight"},
    {"layer.0.SelfAttention.relative_attention_bias.weight", "pos_embedding.embedding.weight"},
    {"layer.1.layer_norm.weight", "norm2.weight"},
    {"layer.1.DenseReluDense.wi_0.weight", "ffn.gate.0.weight"},
    {"layer.1.DenseReluDense.wi_1.weight", "ffn.fc1.weight"},
    {"layer.1.DenseReluDense.wo.weight", "ffn.fc2.weight"},
};
constexpr std::string_view block = "encoder.block.";
constexpr std::string_view embedding_again = "encoder.embed_tokens.weight";

template <std::size_t N>
std::optional<std::string_view> find(const Renamed (&names)[N], std::string_view name) {
  const auto found = std::find_if(std::begin(names), std::end(names), [&](const auto& n) { return n.first == name; });
  return found == std::end(names) ? std::nullopt : std::optional(found->second);
}

}  // namespace

std::optional<std::string> umt5_name(std::string_view name) {
  if (name == embedding_again) return "token_embedding.weight";
  if (const auto renamed = find(outside_blocks, name)) return std::string(*renamed);
  if (!name.starts_with(block)) return std::nullopt;
  name.remove_prefix(block.size());
  const std::string_view index = name.substr(0, name.find('.'));
  const bool number = !index.empty() && index.find_first_not_of("0123456789") == std::string_view::npos;
  const auto renamed = find(inside_block, name.substr(std::min(index.size() + 1, name.size())));
  if (!number || !renamed) return std::nullopt;
  return text_of("blocks.", index, '.', *renamed);
}

TensorMap umt5_tensors(const TensorMap& tensors) {
  TensorMap renamed;
  for (const auto& [name, tensor] : tensors) {
    if (name == embedding_again && tensors.count("shared.weight") > 0) continue;
    const auto [entry, fresh] = renamed.emplace(umt5_name(name).value_or(name), tensor);
    check<FormatError>(fresh, "text::umt5_tensors", name, "a name that means another parameter", entry->first);
  }
  return renamed;
}

UMT5Config umt5_config_from_tensors(const TensorMap& tensors) {
  constexpr auto where = "text::umt5_config_from_tensors";
  const auto sizes = [&](const std::string& name) {
    const auto found = tensors.find(name);
    check<FormatError>(found != tensors.end(), where, name, "a matrix", "no tensor of that name");
    check<FormatError>(found->second.dim() == 2, where, name, "a matrix", shape_text(found->second.sizes()));
    return found->second.sizes();
  };
  UMT5Config config;
  config.vocab = sizes("token_embedding.weight")[0];
  config.dim = sizes("token_embedding.weight")[1];
  config.dim_attn = sizes("blocks.0.attn.q.weight")[0];
  config.dim_ffn = sizes("blocks.0.ffn.fc1.weight")[0];
  config.shared_pos = tensors.count("pos_embedding.embedding.weight") > 0;
  const std::string owner = config.shared_pos ? "" : "blocks.0.";
  const auto table = sizes(owner + "pos_embedding.embedding.weight");
  config.num_buckets = table[0];
  config.num_heads = table[1];
  config.num_layers = 0;
  while (tensors.count(text_of("blocks.", config.num_layers, ".norm1.weight")) > 0) ++config.num_layers;
  return config;
}

}  // namespace action_images
