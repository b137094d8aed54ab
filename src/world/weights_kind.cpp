// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/weights_kind.hpp>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <ATen/core/Tensor.h>
#include <nlohmann/json.hpp>

#include <action_images/core/error.hpp>
#include <action_images/text/umt5.hpp>
#include <action_images/text/umt5_names.hpp>
#include <action_images/vae/wan_vae_config.hpp>
#include <action_images/vae/wan_vae_names.hpp>
#include <action_images/wan/names.hpp>

namespace action_images {

namespace {

constexpr std::array<std::pair<WeightsKind, std::string_view>, 7> kind_names = {{
    {WeightsKind::transformer, "transformer"},
    {WeightsKind::vae, "vae"},
    {WeightsKind::text_encoder, "text_encoder"},
    {WeightsKind::image_encoder, "image_encoder"},
    {WeightsKind::lora, "lora"},
    {WeightsKind::world_model, "world_model"},
    {WeightsKind::other, "other"},
}};

bool any_name(const TensorMap& tensors, std::string_view part) {
  return std::any_of(tensors.begin(), tensors.end(),
                     [&](const auto& entry) { return entry.first.find(part) != std::string::npos; });
}

bool any_begins(const TensorMap& tensors, std::string_view prefix) {
  const auto first = tensors.lower_bound(std::string(prefix));
  return first != tensors.end() && first->first.starts_with(prefix);
}

bool has(const TensorMap& tensors, const char* name) { return tensors.count(name) > 0; }

bool is_lora(const TensorMap& tensors) {
  return any_name(tensors, ".lora_A.") || any_name(tensors, ".lora_down.") || any_name(tensors, "lora.down.");
}

bool is_vae(const TensorMap& tensors) {
  return has(tensors, "encoder.conv1.weight") && has(tensors, "decoder.conv1.weight") && has(tensors, "conv2.weight");
}

bool is_text_encoder(const TensorMap& tensors) {
  return has(tensors, "token_embedding.weight") && has(tensors, "blocks.0.attn.q.weight");
}

bool is_image_encoder(const TensorMap& tensors) {
  return any_name(tensors, "visual.patch_embedding.") || any_name(tensors, "embeddings.class_embedding");
}

// Without "model.", which is before the VAE's names in some files.
TensorMap unwrapped(const TensorMap& tensors) {
  constexpr std::string_view wrapper = "model.";
  TensorMap bare;
  for (const auto& [name, tensor] : tensors) {
    if (!name.starts_with(wrapper)) return tensors;
    bare.emplace(name.substr(wrapper.size()), tensor);
  }
  return bare;
}

std::int64_t size_at(const TensorMap& tensors, const std::string& name, std::int64_t axis) {
  const auto found = tensors.find(name);
  const bool there = found != tensors.end() && found->second.defined() && axis < found->second.dim();
  return there ? found->second.size(axis) : 0;
}

UMT5Config text_config(const TensorMap& tensors) {
  UMT5Config config;
  config.vocab = size_at(tensors, "token_embedding.weight", 0);
  config.dim = size_at(tensors, "token_embedding.weight", 1);
  config.dim_attn = size_at(tensors, "blocks.0.attn.q.weight", 0);
  config.dim_ffn = size_at(tensors, "blocks.0.ffn.fc1.weight", 0);
  config.shared_pos = has(tensors, "pos_embedding.embedding.weight");
  const std::string table =
      config.shared_pos ? "pos_embedding.embedding.weight" : "blocks.0.pos_embedding.embedding.weight";
  config.num_buckets = size_at(tensors, table, 0);
  config.num_heads = size_at(tensors, table, 1);
  config.num_layers = 0;
  while (size_at(tensors, "blocks." + std::to_string(config.num_layers) + ".attn.q.weight", 0) > 0) ++config.num_layers;
  check_umt5_config(config);
  return config;
}

nlohmann::json vae_config(const TensorMap& tensors) {
  const std::int64_t z_dim = size_at(tensors, "conv2.weight", 0);
  for (const char* version : {"2.2", "2.1"}) {
    const WanVaeConfig published = wan_vae_preset(version);
    const bool fits = published.z_dim == z_dim && published.dim == size_at(tensors, "encoder.conv1.weight", 0);
    if (fits) return wan_vae_config_json(published);
  }
  return nullptr;
}

}  // namespace

std::string weights_kind_name(WeightsKind kind) {
  const auto same = [&](const auto& entry) { return entry.first == kind; };
  return std::string(std::find_if(kind_names.begin(), kind_names.end(), same)->second);
}

KnownWeights know_weights(TensorMap tensors) {
  if (is_lora(tensors)) return {WeightsKind::lora, std::move(tensors)};
  if (any_begins(tensors, "transformer.") && any_begins(tensors, "vae.")) {
    return {WeightsKind::world_model, std::move(tensors)};
  }
  if (is_image_encoder(tensors)) return {WeightsKind::image_encoder, std::move(tensors)};
  TensorMap named = wan_transformer_tensors(tensors);
  if (has(named, "patch_embedding.weight") && any_begins(named, "blocks.0.self_attn.")) {
    return {WeightsKind::transformer, std::move(named)};
  }
  named = umt5_tensors(tensors);
  if (is_text_encoder(named)) return {WeightsKind::text_encoder, std::move(named)};
  named = wan_vae_from_diffusers(unwrapped(tensors));
  if (is_vae(named)) return {WeightsKind::vae, std::move(named)};
  return {WeightsKind::other, std::move(tensors)};
}

nlohmann::json config_of_weights(const KnownWeights& weights) {
  try {
    if (weights.kind == WeightsKind::transformer) return wan_config_json(wan_config_from_tensors(weights.tensors));
    if (weights.kind == WeightsKind::text_encoder) return umt5_config_json(text_config(weights.tensors));
    if (weights.kind == WeightsKind::vae) return vae_config(weights.tensors);
  } catch (const ValueError&) {  // a network of sizes that nobody has published
  }
  return nullptr;
}

}  // namespace action_images
