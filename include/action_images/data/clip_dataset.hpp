// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <action_images/codec/action.hpp>
#include <action_images/codec/rig.hpp>
#include <action_images/data/episode_source.hpp>

namespace action_images {

/// Clips of one shard; tensors are views of the mapped file.
struct ClipShard {
  at::Tensor video;              ///< uint8 [N, V, T, H, W, 3]
  at::Tensor actions;            ///< float32 [N, T, 7]
  at::Tensor intrinsics;         ///< float32 [N, V, 3, 3]
  at::Tensor world_from_camera;  ///< float32 [N, V, 4, 4]
  std::vector<std::string> texts;

  std::int64_t size() const { return video.size(0); }
  Trajectory trajectory(std::int64_t clip) const;
  Rig rig(std::int64_t clip) const;
};

/// A folder of clips of one size: shard-*.safetensors, each with the tensors of ClipShard and the texts as a JSON list in
/// its metadata ("format": "action-images-clips", "version": "1").
class ClipDataset {
 public:
  /// @throws FormatError if the folder has no shard.
  explicit ClipDataset(const std::filesystem::path& folder);

  const std::vector<std::filesystem::path>& shards() const { return shards_; }
  /// @throws FormatError naming the file if a tensor is missing or mis-shaped.
  ClipShard shard(std::size_t index) const;

 private:
  std::vector<std::filesystem::path> shards_;
};

/// The clips of such a folder as episodes, whose pictures stay in the mapped files.
/// @throws FormatError as ClipDataset does.
std::shared_ptr<const EpisodeSource> open_clips(const std::filesystem::path& folder);

}  // namespace action_images
