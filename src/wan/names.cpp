// SPDX-License-Identifier: Apache-2.0
#include <action_images/wan/names.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include <action_images/core/check.hpp>

namespace action_images {

namespace {

using Renamed = std::pair<std::string_view, std::string_view>;

constexpr std::array<std::string_view, 8> wrappers = {
    "pipe.", "dit.", "module.", "model.", "transformer.", "diffusion_model.", "_orig_mod.", "base_model."};
constexpr std::array<std::string_view, 7> tops = {
    "patch_embedding.", "text_embedding.", "time_embedding.", "time_projection.", "head.", "img_emb.", "image_stem."};
constexpr std::string_view block = "blocks.";

// diffusers' names and Wan's, outside the blocks
constexpr std::array<Renamed, 12> outside_blocks = {{
    {"condition_embedder.text_embedder.linear_1.", "text_embedding.0."},
    {"condition_embedder.text_embedder.linear_2.", "text_embedding.2."},
    {"condition_embedder.time_embedder.linear_1.", "time_embedding.0."},
    {"condition_embedder.time_embedder.linear_2.", "time_embedding.2."},
    {"condition_embedder.time_proj.", "time_projection.1."},
    {"condition_embedder.image_embedder.norm1.", "img_emb.proj.0."},
    {"condition_embedder.image_embedder.ff.net.0.proj.", "img_emb.proj.1."},
    {"condition_embedder.image_embedder.ff.net.2.", "img_emb.proj.3."},
    {"condition_embedder.image_embedder.norm2.", "img_emb.proj.4."},
    {"condition_embedder.image_embedder.pos_embed", "img_emb.emb_pos"},
    {"proj_out.", "head.head."},
    {"scale_shift_table", "head.modulation"},
}};
// of a block, and of an attention in it
constexpr std::array<Renamed, 6> inside_block = {{
    {"attn1.", "self_attn."},
    {"attn2.", "cross_attn."},
    {"norm2.", "norm3."},
    {"ffn.net.0.proj.", "ffn.0."},
    {"ffn.net.2.", "ffn.2."},
    {"scale_shift_table", "modulation"},
}};
constexpr std::array<Renamed, 7> inside_attention = {{
    {"to_q.", "q."},
    {"to_k.", "k."},
    {"to_v.", "v."},
    {"to_out.0.", "o."},
    {"add_k_proj.", "k_img."},
    {"add_v_proj.", "v_img."},
    {"norm_added_k.", "norm_k_img."},
}};

bool remove_prefix(std::string_view& name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return false;
  name.remove_prefix(prefix.size());
  return true;
}

// `name` with the first prefix of the table that it has replaced; a prefix without a dot at its end is a whole name.
template <std::size_t N>
std::optional<std::string> renamed(const std::array<Renamed, N>& names, std::string_view name) {
  for (const auto& [theirs, ours] : names) {
    std::string_view rest = name;
    const bool whole = !theirs.ends_with('.');
    if (remove_prefix(rest, theirs) && (!whole || rest.empty())) return text_of(ours, rest);
  }
  return std::nullopt;
}

std::string name_inside_block(std::string_view name) {
  std::string ours = renamed(inside_block, name).value_or(std::string(name));
  for (const std::string_view attention : {"self_attn.", "cross_attn."}) {
    std::string_view rest = ours;
    if (!remove_prefix(rest, attention)) continue;
    return text_of(attention, renamed(inside_attention, rest).value_or(std::string(rest)));
  }
  return ours;
}

// Of a name without wrappers.
std::optional<std::string> bare_name(std::string_view name) {
  std::string_view rest = name;
  if (remove_prefix(rest, block)) {
    const std::string_view index = rest.substr(0, rest.find('.'));
    const bool number = !index.empty() && index.find_first_not_of("0123456789") == std::string_view::npos;
    if (!number || index.size() == rest.size()) return std::nullopt;
    return text_of(block, index, '.', name_inside_block(rest.substr(index.size() + 1)));
  }
  if (const auto ours = renamed(outside_blocks, name)) return ours;
  const bool known = std::any_of(tops.begin(), tops.end(), [&](auto top) { return name.starts_with(top); });
  return known ? std::optional(std::string(name)) : std::nullopt;
}

}  // namespace

std::optional<std::string> wan_transformer_name(std::string_view name) {
  const auto unwrap = [&] {
    return std::any_of(wrappers.begin(), wrappers.end(), [&](auto wrapper) { return remove_prefix(name, wrapper); });
  };
  while (unwrap()) {
  }
  return bare_name(name);
}

TensorMap wan_transformer_tensors(TensorMap tensors) {
  TensorMap result;
  for (auto& [name, tensor] : tensors) {
    const auto [entry, fresh] = result.emplace(wan_transformer_name(name).value_or(name), std::move(tensor));
    check<FormatError>(fresh, "wan::wan_transformer_tensors", name, "a name that means another parameter",
                       entry->first);
  }
  return result;
}

}  // namespace action_images
