// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/latent_cache.hpp>

#include <algorithm>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include <action_images/codec_io/rig_json.hpp>
#include <action_images/core/interrupted.hpp>
#include <action_images/tensor/array.hpp>
#include <action_images/tensor/safetensors.hpp>

#include "digest.hpp"

namespace action_images {
namespace {

namespace fs = std::filesystem;

constexpr const char* where = "train::LatentCache";
constexpr std::int64_t shard_clips = 64;

std::string cache_key(const ClipList& clips, const WorldConfig& config, const VideoVae& vae) {
  const nlohmann::json json = json_from(config);
  std::string text = clips.fingerprint + ' ' + std::to_string(clips.count);
  for (const char* key : {"codec", "vae", "moment_scale", "camera_axes", "camera_reference", "frames", "height", "width"}) {
    text += ' ' + json[key].dump();
  }
  text += config.transformer.camera_channels > 0 ? " cameras" : "";
  std::uint64_t hash = digest(text.data(), text.size(), 1469598103934665603ULL);
  for (const auto& [name, tensor] : vae.parameters().named()) {
    const at::Tensor values = tensor.detach().to(at::kCPU, at::kFloat).contiguous();
    hash = digest(values.data_ptr(), values.nbytes(), hash);
  }
  return text_of(std::hex, hash);
}

fs::path shard_file(const fs::path& folder, std::int64_t shard) {
  const std::string number = std::to_string(shard);
  return folder / ("latents-" + std::string(5 - std::min<std::size_t>(number.size(), 5), '0') + number + ".safetensors");
}

// Whether a shard is there and was made with this key. @throws FormatError if it was not and that is refused.
bool is_current(const fs::path& file, const std::string& key, bool refuse_stale) {
  if (!fs::exists(file)) return false;
  const SafetensorsFile cached(file);
  const auto found = cached.metadata().find("key");
  const bool current = found != cached.metadata().end() && found->second == key;
  check<FormatError>(current || !refuse_stale, where, file.string(), "latents of this data, VAE and options",
                     "those of others (remove the cache, or name another folder)");
  return current;
}

at::Tensor matrix_of(const Trajectory& actions) {
  at::Tensor rows = at::empty({static_cast<std::int64_t>(actions.size()), 7}, at::kDouble);
  Eigen::Map<ActionMatrix>(rows.data_ptr<double>(), rows.size(0), 7) = matrix_from_trajectory(actions);
  return rows;
}

// Clips of one shard while it is made.
struct Encoded {
  std::vector<at::Tensor> video, action, camera, first_frames, actions, has_actions;
  nlohmann::json texts = nlohmann::json::array(), sources = texts, episodes = texts, rigs = texts;

  void add(const Clip& clip, const LatentClip& latents) {
    const bool acts = latents.has_actions();
    video.push_back(latents.video.to(at::kHalf));
    action.push_back(acts ? latents.action.to(at::kHalf) : at::zeros_like(video.back()));
    if (latents.camera.defined()) camera.push_back(latents.camera.to(at::kHalf));
    first_frames.push_back(latents.first_frames);
    actions.push_back(acts ? matrix_of(*clip.actions) : at::zeros({clip.video.size(1), 7}, at::kDouble));
    has_actions.push_back(at::full({}, acts, at::kByte));
    texts.push_back(clip.text);
    sources.push_back(clip.source);
    episodes.push_back(clip.episode);
    rigs.push_back(nlohmann::json(json_from_rig(clip.rig)));
  }

  void save(const fs::path& file, const std::string& key) const {
    TensorMap tensors{{"video", at::stack(video)}, {"action", at::stack(action)}, {"first_frames", at::stack(first_frames)},
                      {"actions", at::stack(actions)}, {"has_actions", at::stack(has_actions)}};
    if (!camera.empty()) tensors["camera"] = at::stack(camera);
    save_safetensors(file, tensors, {{"key", key}, {"texts", texts.dump()}, {"sources", sources.dump()},
                                     {"episodes", episodes.dump()}, {"rigs", rigs.dump()}});
  }
};

}  // namespace

LatentCache::LatentCache(const ClipList& clips, const fs::path& folder, const WorldConfig& config, const VideoVae& vae,
                         const LatentCacheOptions& options) {
  check<FormatError>(clips.count > 0, where, "clips", "at least one", "none");
  fs::create_directories(folder);
  const std::string key = cache_key(clips, config, vae);
  const std::int64_t shards = (clips.count + shard_clips - 1) / shard_clips;
  for (std::int64_t shard = options.part; shard < shards; shard += options.parts) {
    const fs::path file = shard_file(folder, shard);
    if (!is_current(file, key, options.refuse_stale)) {
      Encoded encoded;
      const std::int64_t end = std::min((shard + 1) * shard_clips, clips.count);
      for (std::int64_t i = shard * shard_clips; i < end; ++i) {
        const Clip clip = clips.clip(i);
        encoded.add(clip, encode_clip(clip, config, vae, options.vae));
      }
      encoded.save(file, key);
    }
    if (options.progress && !options.progress(static_cast<std::size_t>(shard + 1), static_cast<std::size_t>(shards))) {
      throw Interrupted("[train::LatentCache] stopped by the progress callback");
    }
  }
  if (options.synchronize) options.synchronize();
  for (std::int64_t shard = 0; shard < shards; ++shard) open(shard_file(folder, shard));
}

void LatentCache::open(const fs::path& file) {
  const SafetensorsFile cached(file);
  Shard shard;
  for (const std::string& name : cached.names()) shard.tensors[name] = cached.tensor(name);
  const auto list = [&](const char* name) { return nlohmann::json::parse(cached.metadata().at(name)); };
  shard.texts = list("texts").get<std::vector<std::string>>();
  shard.sources = list("sources").get<std::vector<std::string>>();
  shard.episodes = list("episodes").get<std::vector<std::string>>();
  for (const nlohmann::json& rig : list("rigs")) shard.rigs.push_back(rig_from_json(rig, file));
  for (std::size_t i = 0; i < shard.texts.size(); ++i) rows_.push_back({shards_.size(), static_cast<std::int64_t>(i)});
  shards_.push_back(std::move(shard));
}

const LatentCache::Row& LatentCache::row(std::int64_t clip) const {
  check(clip >= 0 && clip < size(), where, "clip", text_of("0 .. ", size() - 1), clip);
  return rows_[static_cast<std::size_t>(clip)];
}

LatentClip LatentCache::clip(std::int64_t index) const {
  const auto& [number, place] = row(index);
  const Shard& shard = shards_[number];
  const auto tensor = [&, place = place](const char* name) { return shard.tensors.at(name)[place]; };
  const auto i = static_cast<std::size_t>(place);
  LatentClip clip{.text = shard.texts[i], .source = shard.sources[i], .episode = shard.episodes[i]};
  clip.video = tensor("video").to(at::kFloat);
  if (tensor("has_actions").item<std::uint8_t>() != 0) clip.action = tensor("action").to(at::kFloat);
  if (shard.tensors.count("camera") > 0) clip.camera = tensor("camera").to(at::kFloat);
  clip.first_frames = tensor("first_frames");
  return clip;
}

Trajectory LatentCache::trajectory(std::int64_t clip) const {
  const auto& [shard, place] = row(clip);
  const TensorMap& tensors = shards_[shard].tensors;
  check(tensors.at("has_actions")[place].item<std::uint8_t>() != 0, "train::LatentCache::trajectory", "clip",
        "one with actions", clip);
  const at::Tensor rows = tensors.at("actions")[place].contiguous();
  return trajectory_from_matrix(Eigen::Map<const ActionMatrix>(rows.data_ptr<double>(), rows.size(0), 7));
}

Rig LatentCache::rig(std::int64_t clip) const {
  const auto& [shard, place] = row(clip);
  return shards_[shard].rigs[static_cast<std::size_t>(place)];
}

}  // namespace action_images
