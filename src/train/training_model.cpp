// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/training_model.hpp>

#include <algorithm>
#include <string_view>

#include <ATen/ATen.h>

#include <action_images/core/file.hpp>
#include <action_images/tensor/prefix.hpp>
#include <action_images/tensor/safetensors.hpp>
#include <action_images/vae/patch_vae.hpp>
#include <action_images/wan/lora.hpp>
#include <action_images/world/conditioning.hpp>
#include <action_images/world/model_folder.hpp>

namespace action_images {
namespace {

namespace fs = std::filesystem;

constexpr const char* where = "train::TrainingModel";

// The parameters that the release trains when it does not train all.
bool is_partial(std::string_view name) {
  constexpr std::string_view parts[] = {".cam_encoder.", ".projector.", ".self_attn.", "transformer.text_embedding."};
  return std::any_of(std::begin(parts), std::end(parts), [&](std::string_view part) { return name.find(part) != name.npos; });
}

// A linear VAE in closed form, in rank 0; the others wait for it.
void fit_vae(const TrainConfig& config, const fs::path& file, const ClipList& clips) {
  const WorldConfig& world = config.world;
  check<FormatError>(world.vae.value("kind", "") == "patch", where, "vae_path",
                     "VAE weights: only a VAE of kind \"patch\" is fitted by itself", world.vae.dump());
  const PatchVaeConfig vae_config = patch_vae_config(world.vae);
  PatchVaeFit fit(vae_config);
  for (std::int64_t i = 0; i < std::min(config.vae_fit.clips, clips.count); ++i) {
    const Clip clip = clips.clip(i);
    fit.add(normalized_from_pixels(clip.video));
    if (clip.actions) fit.add(draw_actions(*clip.actions, clip.rig, world), config.vae_fit.action_weight);
  }
  save_safetensors(file, fit.solve(vae_config.channels, config.vae_fit.std_power).parameters().state());
}

std::shared_ptr<const Tokenizer> tokenizer_of(const fs::path& file, const WorldConfig& config) {
  return std::make_shared<Tokenizer>(file, TokenizerOptions{.lower_case = config.lower_case, .truncate = config.truncate});
}

}  // namespace

TrainingModel::TrainingModel(const TrainConfig& config, const fs::path& output, const ClipList& clips,
                             const ProcessGroup& group)
    : config_(config.world), how_(config.trainable) {
  if (config.initial.checkpoint.empty()) {
    start_at_random(config, output, clips, group);
  } else if (is_model_folder(config.initial.checkpoint)) {
    start_from_folder(config);
  } else {
    start_from_published(config, output);
  }
  if (config.bfloat16) {
    if (how_.kind != TrainableOptions::Kind::lora) {
      for (const auto& [name, tensor] : trainable()) exact_[name] = tensor.detach();
    }
    network_->to(at::kBFloat16);
  }
  if (how_.kind == TrainableOptions::Kind::lora) lora_ = network_->transformer().add_lora(how_.lora);
  network_->requires_grad(false);
  for (const auto& [name, tensor] : trainable()) tensor.requires_grad_(true);
}

void TrainingModel::start_at_random(const TrainConfig& config, const fs::path& output, const ClipList& clips,
                                    const ProcessGroup& group) {
  check<FormatError>(!config.tokenizer.empty(), where, "tokenizer", "a SentencePiece model for a model that starts at random",
                     "none");
  tokenizer_file_ = config.tokenizer;
  tokenizer_ = tokenizer_of(tokenizer_file_, config_);
  const fs::path fitted = output / "vae.safetensors";
  const fs::path file = config.initial.vae.empty() ? fitted : fs::path(config.initial.vae);
  if (file == fitted && group.rank() == 0 && !fs::exists(file)) fit_vae(config, file, clips);
  group.barrier();
  vae_ = make_video_vae(config_.vae, load_safetensors(file));
  network_.emplace(config_);
  network_->initialize(config.seed);
}

void TrainingModel::start_from_folder(const TrainConfig& config) {
  ModelFolder model = load_model_folder(config.initial.checkpoint);
  tokenizer_file_ = model.tokenizer;
  tokenizer_ = tokenizer_of(tokenizer_file_, config_);
  TensorMap vae = without_prefix(model.tensors, "vae.");
  for (auto& [name, tensor] : vae) tensor = tensor.to(at::kFloat);
  vae_ = make_video_vae(config_.vae, vae);
  std::erase_if(model.tensors, [](const auto& entry) { return entry.first.starts_with("vae."); });
  network_.emplace(config_);
  network_->load(model.tensors);
}

void TrainingModel::start_from_published(const TrainConfig& config, const fs::path& output) {
  const ModelOptions options{.embedding_cache = output / "embeddings", .config = config.model};
  published_.emplace(WorldModel::load({.model = config.initial.checkpoint, .base = config.initial.base, .model_id = config.initial.model_id}, options));
  config_ = published_->config();
  const auto dtype = config.bfloat16 ? at::kBFloat16 : at::kFloat;
  WanTransformer transformer(config_.transformer, Parameters(dtype));
  transformer.parameters().load(published_->network().transformer().parameters().state());
  network_.emplace(config_, std::move(transformer));
}

const VideoVae& TrainingModel::vae() const { return published_ ? published_->vae() : *vae_; }

PromptReader TrainingModel::prompt_reader() const {
  if (published_) {
    return [this](const std::vector<std::string>& prompts, WorldInputs& inputs) {
      inputs.text = published_->encode_prompts(prompts);
    };
  }
  return [tokenizer = tokenizer_, length = config_.text_length](const std::vector<std::string>& prompts, WorldInputs& inputs) {
    const TokenizedText text = tokenizer->encode(prompts, length);
    inputs.text_ids = text.ids;
    inputs.text_mask = text.mask;
  };
}

Parameters::Named TrainingModel::trainable() const {
  Parameters::Named chosen;
  const auto add = [&](const Parameters& parameters, const std::string& prefix, bool all) {
    for (const auto& [name, tensor] : parameters.named()) {
      if (all || is_partial(prefix + name)) chosen.emplace_back(prefix + name, tensor);
    }
  };
  if (lora_) {
    add(*lora_, "lora.", true);
    return chosen;
  }
  const bool all = how_.kind == TrainableOptions::Kind::full;
  add(network_->transformer().parameters(), "transformer.", all);
  if (all && network_->has_text_encoder()) add(network_->text_encoder().parameters(), "text_encoder.", true);
  return chosen;
}

TensorMap TrainingModel::transformer_with(const TensorMap& trained) const {
  TensorMap tensors = network_->transformer().parameters().state();
  if (!lora_) {
    for (auto& [name, tensor] : without_prefix(trained, "transformer.")) tensors.at(name) = tensor;
    return tensors;
  }
  const Lora lora(with_prefix(without_prefix(trained, "lora."), "diffusion_model."), {.alpha = how_.lora.alpha});
  return merge_lora(std::move(tensors), lora);
}

void TrainingModel::save(const fs::path& output, const TensorMap& trained) const {
  TensorMap transformer = transformer_with(trained);
  if (lora_) {
    save_safetensors(output / "lora.safetensors", with_prefix(without_prefix(trained, "lora."), "diffusion_model."),
                     {{"lora_alpha", text_of(how_.lora.alpha)}, {"lora_rank", text_of(how_.lora.rank)}});
  }
  if (published_) {
    save_safetensors(output / "final_model.safetensors", transformer);
    return;
  }
  ModelFolder model{config_, with_prefix(transformer, "transformer."), tokenizer_file_};
  TensorMap text = network_->text_encoder().parameters().state();
  for (auto& [name, tensor] : without_prefix(trained, "text_encoder.")) text.at(name) = tensor;
  model.tensors.merge(with_prefix(text, "text_encoder."));
  model.tensors.merge(with_prefix(vae_->parameters().state(), "vae."));
  save_model_file(output / "final_model.safetensors", model);
  for (auto& [name, tensor] : model.tensors) tensor = tensor.to(at::kHalf);
  save_model_folder(output / "model", model);
}

}  // namespace action_images
