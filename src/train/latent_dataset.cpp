// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/latent_dataset.hpp>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <action_images/core/interrupted.hpp>
#include <action_images/tensor/safetensors.hpp>
#include <action_images/world/cameras.hpp>
#include <action_images/world/conditioning.hpp>

namespace action_images {
namespace {

// FNV-1a, 64 bit: says whether a cache was made with these weights and options, not a defence against forgery.
std::uint64_t digest(const void* data, std::size_t size, std::uint64_t hash) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  for (std::size_t i = 0; i < size; ++i) hash = (hash ^ bytes[i]) * 1099511628211ULL;
  return hash;
}

std::string cache_key(const std::filesystem::path& shard, const WorldConfig& config, const VideoVae& vae) {
  const nlohmann::json json = json_from(config);
  const std::string text = json["codec"].dump() + json["vae"].dump() + json["moment_scale"].dump() +
                           json["camera_axes"].dump() + json["camera_reference"].dump() + shard.filename().string() + std::to_string(std::filesystem::file_size(shard));
  std::uint64_t hash = digest(text.data(), text.size(), 1469598103934665603ULL);
  for (const auto& [name, tensor] : vae.parameters().named()) {
    const at::Tensor values = tensor.detach().to(at::kFloat).contiguous();
    hash = digest(values.data_ptr(), values.nbytes(), hash);
  }
  return text_of(std::hex, hash);
}

TensorMap encode_shard(const ClipShard& shard, const WorldConfig& config, const VideoVae& vae) {
  const at::NoGradGuard no_gradients;
  std::vector<at::Tensor> video, action, camera;
  for (std::int64_t clip = 0; clip < shard.size(); ++clip) {
    const Rig rig = shard.rig(clip);
    video.push_back(vae.encode(normalized_from_pixels(shard.video[clip])).to(at::kHalf));
    action.push_back(encode_actions(shard.trajectory(clip), rig, config, vae).to(at::kHalf));
    camera.push_back(encode_cameras(rig, shard.video.size(2), config, vae).to(at::kHalf));
  }
  const at::Tensor first_frames = shard.video.select(2, 0).permute({0, 1, 4, 2, 3}).contiguous();
  return {{"video", at::stack(video)}, {"action", at::stack(action)}, {"camera", at::stack(camera)},
          {"first_frames", first_frames}};
}

bool is_current(const std::filesystem::path& file, const std::string& key) {
  if (!std::filesystem::exists(file)) return false;
  const SafetensorsFile cached(file);
  const auto found = cached.metadata().find("key");
  return found != cached.metadata().end() && found->second == key;
}

}  // namespace

LatentDataset::LatentDataset(const ClipDataset& clips, const std::filesystem::path& cache, const WorldConfig& config,
                             const VideoVae& vae, const std::function<bool(std::size_t, std::size_t)>& progress) {
  std::filesystem::create_directories(cache);
  for (std::size_t i = 0; i < clips.shards().size(); ++i) {
    const auto file = cache / ("latents-" + clips.shards()[i].filename().string());
    const std::string key = cache_key(clips.shards()[i], config, vae);
    ClipShard shard = clips.shard(i);
    if (!is_current(file, key)) save_safetensors(file, encode_shard(shard, config, vae), {{"key", key}});
    const SafetensorsFile latents(file);
    for (std::int64_t clip = 0; clip < shard.size(); ++clip) rows_.push_back({i, clip});
    shards_.push_back({latents.tensor("video"), latents.tensor("action"), latents.tensor("camera"),
                       latents.tensor("first_frames"), std::move(shard)});
    if (progress && !progress(i + 1, clips.shards().size())) {
      throw Interrupted("[train::LatentDataset] stopped by the progress callback");
    }
  }
}

LatentBatch LatentDataset::batch(const std::vector<std::int64_t>& clips) const {
  std::vector<at::Tensor> video, action, camera, first_frames;
  LatentBatch batch;
  for (const std::int64_t clip : clips) {
    const auto& [shard, index] = rows_.at(static_cast<std::size_t>(clip));
    video.push_back(shards_[shard].video[index]);
    action.push_back(shards_[shard].action[index]);
    camera.push_back(shards_[shard].camera[index]);
    first_frames.push_back(shards_[shard].first_frames[index]);
    batch.texts.push_back(shards_[shard].clips.texts[static_cast<std::size_t>(index)]);
  }
  batch.video = at::stack(video).to(at::kFloat);
  batch.action = at::stack(action).to(at::kFloat);
  batch.camera = at::stack(camera).to(at::kFloat);
  batch.first_frames = at::stack(first_frames).to(at::kFloat) / 127.5F - 1.0F;
  return batch;
}

Trajectory LatentDataset::trajectory(std::int64_t clip) const {
  const auto& [shard, index] = rows_.at(static_cast<std::size_t>(clip));
  return shards_[shard].clips.trajectory(index);
}

Rig LatentDataset::rig(std::int64_t clip) const {
  const auto& [shard, index] = rows_.at(static_cast<std::size_t>(clip));
  return shards_[shard].clips.rig(index);
}

}  // namespace action_images
