// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <utility>

#include <action_images/core/file.hpp>
#include <action_images/text/umt5_names.hpp>
#include <action_images/vae/wan_vae_names.hpp>
#include <action_images/wan/lora.hpp>
#include <action_images/wan/names.hpp>
#include <action_images/world/presets.hpp>
#include <action_images/world/world_model.hpp>

#include "host_vae.hpp"
#include "model_parts.hpp"
#include "part_weights.hpp"

namespace action_images {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kept_bytes = std::uint64_t{1} << 30;  // a text encoder of this size stays in memory

Placement placement_of(const ModelOptions& options, std::string_view part, std::optional<at::ScalarType> dtype = {},
                       std::optional<at::Device> device = {}) {
  Placement placement{dtype ? dtype : options.dtype, device.value_or(options.device), {}};
  if (options.progress) {
    placement.progress = [report = options.progress, part](const LoadProgress& done) { return report(part, done); };
  }
  return placement;
}

nlohmann::json read_json(const fs::path& path) {
  auto json =
      nlohmann::json::parse(read_file(path, 1 << 20, "world::WorldModel::load"), nullptr, /*allow_exceptions=*/false);
  check<FormatError>(json.is_object(), "world::WorldModel::load", path.string(), "a JSON object", "something else");
  return json;
}

// What shapes do not tell, as Wan's and diffusers' config.json name it.
struct Untold {
  std::optional<std::int64_t> heads{};
  std::optional<double> eps{};
};

// What config.json says, if there is one, and the caller's config before it.
Untold untold(const fs::path& path, const nlohmann::json& changes) {
  Untold found;
  const auto read = [&](const nlohmann::json& json, const char* heads) {
    if (json.contains(heads) && json[heads].is_number_integer()) found.heads = json[heads].get<std::int64_t>();
    if (json.contains("eps") && json["eps"].is_number()) found.eps = json["eps"].get<double>();
  };
  if (!path.empty()) {
    const nlohmann::json json = read_json(path);
    for (const char* key : {"num_attention_heads", "num_heads"}) read(json, key);
  }
  if (changes.contains("transformer") && changes["transformer"].is_object()) read(changes["transformer"], "num_heads");
  return found;
}

// The sizes of a transformer of Wan's names, with camera layers.
WanConfig wan_config_of(const TensorMap& tensors, const Untold& told) {
  const auto embedding = tensors.find("patch_embedding.weight");
  const bool heads = told.heads && *told.heads > 0 && embedding != tensors.end() && embedding->second.dim() > 0;
  WanConfig config = heads ? wan_config_from_tensors(tensors, embedding->second.size(0) / *told.heads)
                           : wan_config_from_tensors(tensors);
  if (told.eps) config.eps = *told.eps;
  if (config.camera_channels == 0) config.camera_channels = 2 * config.out_dim;
  return config;
}

// The config that the caller's keys are laid over.
WorldConfig with_changes(const nlohmann::json& config, const nlohmann::json& changes) {
  nlohmann::json merged = config;
  check(changes.is_object(), "world::WorldModel::load", "config", "an object", changes.type_name());
  merged.merge_patch(changes);
  return world_config_from_json(merged);
}

// A VAE's tensors under the published names.
TensorMap vae_tensors(TensorMap tensors) {
  TensorMap named;
  for (auto& [name, tensor] : wan_vae_from_diffusers(tensors)) {
    constexpr std::string_view wrapped = "model.";
    named.emplace(name.starts_with(wrapped) ? name.substr(wrapped.size()) : name, tensor);
  }
  return named;
}

// Everything of a model but its text encoder's weights, which are read when a prompt needs them.
class Loading {
 public:
  Loading(const ModelSource& source, const ModelOptions& options, bool text_only)
      : options_(options), files_(text_only ? find_text_files(source) : find_model_files(source)) {
    if (!options_.notice) options_.notice = [](const std::string& text) { std::cerr << text << '\n'; };
  }

  WorldModel model() {
    const PartWeights transformer(files_.transformer, files_.packed() ? "transformer." : "");
    const PartWeights vae(files_.packed() ? files_.transformer : files_.vae, files_.packed() ? "vae." : "");
    TensorMap tensors = transformer.placed(placement_of(options_, "transformer"));
    TensorMap vae_weights = vae.placed(placement_of(options_, "VAE", options_.vae_dtype, options_.vae_device));
    WorldConfig config;
    if (files_.packed()) {
      config = with_changes(read_json(files_.config), options_.config);
    } else {
      tensors = wan_transformer_tensors(std::move(tensors));
      vae_weights = vae_tensors(std::move(vae_weights));
      config = published_config(tensors, vae_weights);
      tensors = with_camera_layers(std::move(tensors), config.transformer, options_.notice);
    }
    for (const auto& [path, scale] : options_.lora) tensors = merge_lora(std::move(tensors), Lora::load(path), scale);
    WorldNetwork network(config, make_over<WanTransformer>(config.transformer, std::move(tensors)));
    return {std::move(network), placed_vae(config, vae_weights), prompts(config)};
  }

  // The text encoder alone.
  std::unique_ptr<PromptEncoder> prompts() {
    if (files_.packed()) return prompts(with_changes(read_json(files_.config), options_.config));
    nlohmann::json config = json_from(released_world_config({}, text_config(), {{"kind", "wan"}}));
    return prompts(with_changes(config, options_.config));
  }

 private:
  PartWeights text_weights() const {
    return PartWeights(files_.packed() ? files_.transformer : files_.text_encoder,
                       files_.packed() ? "text_encoder." : "");
  }

  UMT5Config text_config() const { return umt5_config_from_tensors(umt5_tensors(text_weights().tensors())); }

  WorldConfig published_config(const TensorMap& transformer, const TensorMap& vae) const {
    const WanConfig wan = wan_config_of(transformer, untold(files_.transformer_config, options_.config));
    const WorldConfig config =
        released_world_config(wan, text_config(), wan_vae_config_json(wan_vae_config_from_tensors(vae)));
    return with_changes(json_from(config), options_.config);
  }

  std::unique_ptr<VideoVae> placed_vae(const WorldConfig& config, const TensorMap& tensors) const {
    auto vae = make_video_vae(config.vae, tensors);
    const at::Tensor first = vae->parameters().named().front().second;
    if (first.is_cpu() && first.scalar_type() == at::kFloat) return vae;
    return std::make_unique<HostVae>(std::move(vae));
  }

  std::unique_ptr<PromptEncoder> prompts(const WorldConfig& config) const {
    const PartWeights weights = text_weights();
    make_over<UMT5Encoder>(config.text, umt5_tensors(weights.tensors()));  // says now what is wrong with them
    Placement placement = placement_of(options_, "text encoder", options_.text_dtype, options_.text_device);
    placement.progress = {};  // it is loaded later, when the caller no longer listens
    const at::ScalarType dtype = placement.dtype.value_or(weights.common_dtype());
    PromptEncoderOptions how = prompt_options(config);
    how.keep = options_.keep_text_encoder.value_or(weights.bytes() <= kept_bytes);
    how.cache = options_.embedding_cache;
    if (!how.cache.empty()) how.fingerprint = fingerprint(dtype);
    const auto load = [files = files_, text = config.text, placement] {
      const PartWeights mapped(files.packed() ? files.transformer : files.text_encoder,
                               files.packed() ? "text_encoder." : "");
      return make_over<UMT5Encoder>(text, umt5_tensors(mapped.placed(placement)));
    };
    return std::make_unique<PromptEncoder>(files_.tokenizer, load, std::move(how));
  }

  std::string fingerprint(at::ScalarType dtype) const {
    std::string text = "umt5 " + dtype_name(dtype) + ' ' + file_fingerprint(files_.tokenizer);
    for (const fs::path& path : files_.packed() ? files_.transformer : files_.text_encoder) {
      text += ' ' + file_fingerprint(path);
    }
    return text;
  }

  ModelOptions options_;
  ModelFiles files_;
};

}  // namespace

WorldModel WorldModel::load(const ModelSource& source, const ModelOptions& options) {
  return Loading(source, options, /*text_only=*/false).model();
}

std::unique_ptr<PromptEncoder> load_prompt_encoder(const ModelSource& source, const ModelOptions& options) {
  return Loading(source, options, /*text_only=*/true).prompts();
}

}  // namespace action_images
