// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/world_model.hpp>

#include <action_images/tensor/prefix.hpp>

#include "generation.hpp"

namespace action_images {

WorldModel WorldModel::load(const std::filesystem::path& folder) { return WorldModel(load_model_folder(folder)); }

WorldModel::WorldModel(const ModelFolder& model)
    : network_(model.config),
      vae_(make_video_vae(model.config.vae)),
      tokenizer_(model.tokenizer, {.lower_case = model.config.lower_case}) {
  network_.load(model.tensors);
  vae_->parameters().load(without_prefix(model.tensors, "vae."));
}

Rollout WorldModel::generate(const std::vector<VideoFrames>& views, const std::string& prompt, const Rig& rig,
                             const GenerateOptions& options) const {
  return Generation(*this, views, prompt, rig, options).run();
}

}  // namespace action_images
