// SPDX-License-Identifier: Apache-2.0
#include <map>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>
#include <action_images/wan/transformer.hpp>

namespace action_images {
namespace {

constexpr const char* where = "wan::WanTransformer::add_lora";

std::map<std::string, nn::LinearParameters*> linear_layers(WanBlock& block) {
  std::map<std::string, nn::LinearParameters*> layers{{"ffn.0", &block.ffn_in}, {"ffn.2", &block.ffn_out}};
  for (auto& [name, attention] : {std::pair{"self_attn", &block.self_attn}, {"cross_attn", &block.cross_attn}}) {
    const std::string prefix = std::string(name) + '.';
    layers[prefix + "q"] = &attention->q;
    layers[prefix + "k"] = &attention->k;
    layers[prefix + "v"] = &attention->v;
    layers[prefix + "o"] = &attention->o;
    if (attention->k_img.weight.defined()) layers[prefix + "k_img"] = &attention->k_img;
    if (attention->v_img.weight.defined()) layers[prefix + "v_img"] = &attention->v_img;
  }
  if (block.cam_encoder.weight.defined()) layers["cam_encoder.2"] = &block.cam_encoder;
  if (block.projector.weight.defined()) layers["projector"] = &block.projector;
  return layers;
}

std::string names_of(const std::map<std::string, nn::LinearParameters*>& layers) {
  std::string names;
  for (const auto& [name, layer] : layers) names += (names.empty() ? "" : ", ") + name;
  return names;
}

}  // namespace

Parameters WanTransformer::add_lora(const LoraLayers& options) {
  check(options.rank >= 1, where, "rank", "a positive number", options.rank);
  const at::Tensor& like = outer_.patch_embedding.weight;
  Parameters parameters(like.scalar_type());
  const Scope root(parameters);
  const at::Tensor scale = at::full({}, options.alpha / static_cast<double>(options.rank), like.options());
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const auto layers = linear_layers(blocks_[i]);
    for (const std::string& target : options.targets) {
      const auto found = layers.find(target);
      check(found != layers.end(), where, "targets", "some of " + names_of(layers), '"' + printable(target) + '"');
      const at::Tensor& weight = found->second->weight;
      const Scope scope = root / "blocks" / static_cast<std::int64_t>(i) / target;
      found->second->change = {scope.parameter("lora_A.weight", {options.rank, weight.size(1)}, Init::kaiming),
                               scope.parameter("lora_B.weight", {weight.size(0), options.rank}, Init::zeros), scale};
    }
  }
  parameters.initialize(options.seed);
  parameters.to(like.device());
  return parameters;
}

}  // namespace action_images
