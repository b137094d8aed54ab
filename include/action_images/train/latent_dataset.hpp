// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <action_images/data/clip_dataset.hpp>
#include <action_images/vae/video_vae.hpp>
#include <action_images/world/config.hpp>

namespace action_images {

/// A batch of clips as training sees them.
struct LatentBatch {
  at::Tensor video;         ///< float32 [B, V, C, T_l, h, w]
  at::Tensor action;        ///< float32, the same shape
  at::Tensor camera;        ///< float32 [B, V, T_l or 1, 2C, h, w], as encode_cameras() gives them
  at::Tensor first_frames;  ///< float32 [B, V, 3, H, W] in [-1, 1]
  std::vector<std::string> texts;
};

/// Clips encoded once by the VAE and kept on disk, one file per shard of clips.
class LatentDataset {
 public:
  /// Opens the cache of a clip folder and encodes what is missing or was made with other weights or options.
  /// @param cache     folder for the latents; created.
  /// @param progress  called with (shards done, shards); returning false stops by an Interrupted error.
  LatentDataset(const ClipDataset& clips, const std::filesystem::path& cache, const WorldConfig& config,
                const VideoVae& vae, const std::function<bool(std::size_t, std::size_t)>& progress = {});

  std::int64_t size() const { return static_cast<std::int64_t>(rows_.size()); }
  LatentBatch batch(const std::vector<std::int64_t>& clips) const;

  /// Ground truth of one clip, for validation.
  Trajectory trajectory(std::int64_t clip) const;
  Rig rig(std::int64_t clip) const;

 private:
  struct Shard {
    at::Tensor video, action, camera, first_frames;
    ClipShard clips;
  };
  struct Row {
    std::size_t shard;
    std::int64_t index;
  };

  std::vector<Shard> shards_;
  std::vector<Row> rows_;
};

}  // namespace action_images
