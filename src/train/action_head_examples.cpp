// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>
#include <action_images/tensor/safetensors.hpp>
#include <action_images/train/action_head_training.hpp>

#include "digest.hpp"

namespace action_images {
namespace {

constexpr const char* where = "train::action_head_examples";
constexpr std::int64_t part_clips = 16;  // in a file of the cache

// Of some values of every parameter, spread evenly: another training changes them all.
std::uint64_t digest(const Parameters& parameters, std::uint64_t hash) {
  constexpr std::int64_t most = 4096;
  for (const auto& [name, tensor] : parameters.named()) {
    const at::Tensor flat = tensor.detach().reshape({-1});
    const at::Tensor some = flat.slice(0, 0, std::nullopt, std::max<std::int64_t>(1, flat.numel() / most));
    const at::Tensor values = some.to(at::kCPU, at::kFloat).contiguous();
    hash = action_images::digest(name.data(), name.size(),
                                action_images::digest(values.const_data_ptr(), values.nbytes(), hash));
  }
  return hash;
}

std::uint64_t digest(const WorldModel& model, const ActionHeadTrainingOptions& options) {
  const std::string text = json_from(model.config()).dump() + text_of('/', options.seed, '/', options.latent_pool);
  const std::uint64_t hash = action_images::digest(text.data(), text.size(), 14695981039346656037ULL);
  return digest(model.vae().parameters(), digest(model.network().transformer().parameters(), hash));
}

VideoFrames picture_of(const at::Tensor& pixels) {
  const at::Tensor contiguous = pixels.contiguous();
  const auto* bytes = contiguous.const_data_ptr<std::uint8_t>();
  VideoFrames picture;
  picture.rgb.assign(bytes, bytes + contiguous.numel());
  picture.frames = 1;
  picture.height = static_cast<int>(pixels.size(0));
  picture.width = static_cast<int>(pixels.size(1));
  return picture;
}

// What the head learns from one clip. @param seed  of its generation
ActionHeadExamples example_of(const WorldModel& model, const Clip& clip, std::uint64_t seed, std::int64_t latent_pool) {
  check(clip.actions.has_value(), where, "data", "episodes with actions", clip.episode + ", which has none");
  const std::int64_t count = clip.video.size(0);
  std::vector<VideoFrames> views;
  for (std::int64_t view = 0; view < count; ++view) views.push_back(picture_of(clip.video[view][0]));
  const Rollout rollout =
      model.generate(views, clip.text, clip.rig, {.frames = std::ssize(*clip.actions), .seed = seed});
  const Packing packing = Packing::joint(count, model.vae().latent_frames(std::ssize(*clip.actions)));
  const ActionHeadConfig config{.views = count,
                                .channels = model.vae().channels(),
                                .temporal_stride = model.vae().temporal_stride(),
                                .latent_pool = latent_pool};
  return {action_head_inputs({rollout.latents, packing, rollout.rig, rollout.actions, rollout.confidence}, config),
          action_head_poses(*clip.actions, rollout.rig)};
}

// The tensors of examples by name, in a fixed order.
template <typename Examples, typename Visit>
void for_each_tensor(Examples& examples, Visit&& visit) {
  visit("latents", examples.inputs.latents);
  visit("cameras", examples.inputs.cameras);
  visit("decoded", examples.inputs.decoded);
  visit("position", examples.wanted.position);
  visit("rotation", examples.wanted.rotation);
  visit("openness", examples.wanted.openness);
}

ActionHeadExamples joined(const std::vector<ActionHeadExamples>& parts) {
  std::map<std::string, std::vector<at::Tensor>> tensors;
  for (const ActionHeadExamples& part : parts) {
    for_each_tensor(part, [&](const char* name, const at::Tensor& tensor) { tensors[name].push_back(tensor); });
  }
  ActionHeadExamples all;
  for_each_tensor(all, [&](const char* name, at::Tensor& tensor) {
    const auto& rows = tensors[name];
    for (const at::Tensor& row : rows) {
      check_shape(row.sizes().slice(1) == rows.front().sizes().slice(1), where, name,
                  text_of("(N, ...) as of the first clip, ", shape_text(rows.front().sizes())), row.sizes());
    }
    tensor = at::cat(rows);
  });
  return all;
}

std::optional<ActionHeadExamples> cached(const std::filesystem::path& path, const std::string& key) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  const SafetensorsFile file(path);
  const auto found = file.metadata().find("key");
  if (found == file.metadata().end() || found->second != key) return std::nullopt;
  ActionHeadExamples examples;
  for_each_tensor(examples, [&](const char* name, at::Tensor& tensor) { tensor = file.tensor(name); });
  return examples;
}

void keep(const std::filesystem::path& path, const ActionHeadExamples& examples, const std::string& key) {
  TensorMap tensors;
  for_each_tensor(examples, [&](const char* name, const at::Tensor& tensor) { tensors[name] = tensor; });
  save_safetensors(path, tensors, {{"key", key}});
}

}  // namespace

ActionHeadExamples action_head_examples(const WorldModel& model, const ClipList& clips,
                                        const ActionHeadTrainingOptions& options) {
  const at::NoGradGuard no_gradients;
  const std::string made_by = text_of(digest(model, options), '/', clips.fingerprint);
  const auto tell = [&](std::int64_t done) {
    if (options.progress && !options.progress({"clips", done, clips.count, 0.0})) {
      throw Interrupted("[train::action_head_examples] stopped by the progress callback");
    }
  };
  if (!options.cache.empty()) std::filesystem::create_directories(options.cache);
  std::vector<ActionHeadExamples> parts;
  for (std::int64_t first = 0; first < clips.count; first += part_clips) {
    const std::int64_t end = std::min(first + part_clips, clips.count);
    const auto file = options.cache / text_of("action-head-", first, ".safetensors");
    const std::string key = text_of(made_by, '/', end);
    if (auto found = options.cache.empty() ? std::nullopt : cached(file, key)) {
      parts.push_back(std::move(*found));
      tell(end);
      continue;
    }
    std::vector<ActionHeadExamples> made;
    for (std::int64_t clip = first; clip < end; ++clip) {
      const auto seed = options.seed + static_cast<std::uint64_t>(clip);
      made.push_back(example_of(model, clips.clip(clip), seed, options.latent_pool));
      tell(clip + 1);
    }
    parts.push_back(joined(made));
    if (!options.cache.empty()) keep(file, parts.back(), key);
  }
  return joined(parts);
}

}  // namespace action_images
