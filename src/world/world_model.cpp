// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/world_model.hpp>

#include <utility>

#include <action_images/tensor/prefix.hpp>

#include "generation.hpp"
#include "model_parts.hpp"

namespace action_images {
namespace {

// The tensors under a prefix; what is stored in float16 is computed in float32.
TensorMap computable(const TensorMap& tensors, std::string_view prefix) {
  TensorMap part = without_prefix(tensors, prefix);
  for (auto& [name, tensor] : part) {
    if (tensor.scalar_type() == at::kHalf) tensor = tensor.to(at::kFloat);
  }
  return part;
}

std::unique_ptr<PromptEncoder> prompts_of(const ModelFolder& model) {
  const TensorMap tensors = computable(model.tensors, "text_encoder.");
  const auto load = [config = model.config.text, tensors] { return make_over<UMT5Encoder>(config, tensors); };
  load();  // says now what is wrong with them
  return std::make_unique<PromptEncoder>(model.tokenizer, load, prompt_options(model.config));
}

}  // namespace

WorldModel::WorldModel(const ModelFolder& model)
    : WorldModel({model.config,
                  make_over<WanTransformer>(model.config.transformer, computable(model.tensors, "transformer."))},
                 make_video_vae(model.config.vae, computable(model.tensors, "vae.")), prompts_of(model)) {}

WorldModel::WorldModel(WorldNetwork network, std::unique_ptr<VideoVae> vae, std::unique_ptr<PromptEncoder> prompts)
    : network_(std::move(network)), vae_(std::move(vae)), prompts_(std::move(prompts)) {
  check_fit(network_.config(), *vae_);
}

Rollout WorldModel::generate(const std::vector<VideoFrames>& views, const std::string& prompt, const Rig& rig,
                             const GenerateOptions& options) const {
  return Generation(*this, views, prompt, rig, options).run();
}

}  // namespace action_images
