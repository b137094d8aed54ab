// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <action_images/train/clip_list.hpp>
#include <action_images/train/latents.hpp>

namespace action_images {

struct LatentCacheOptions {
  VaeOptions vae{};
  /// A cache that was made with other clips, weights or options: true refuses it by a FormatError, false makes it again.
  bool refuse_stale = false;
  /// This process makes the shards `part`, `part` + `parts`, ...; with several, synchronize() is called in between.
  int part = 0, parts = 1;
  std::function<void()> synchronize{};
  /// Called with (shards done, shards); returning false stops by an Interrupted error.
  std::function<bool(std::size_t, std::size_t)> progress{};
};

/// Latents of a list of clips on disk, mapped into memory, keyed by the clips' contents, the VAE's weights and all
/// options that they depend on.
class LatentCache {
 public:
  /// Opens the cache in a folder, which is created, and makes what is missing.
  /// @throws FormatError as `refuse_stale` says, or for a damaged file; Interrupted.
  LatentCache(const ClipList& clips, const std::filesystem::path& folder, const WorldConfig& config, const VideoVae& vae,
              const LatentCacheOptions& options = {});

  std::int64_t size() const { return static_cast<std::int64_t>(rows_.size()); }
  LatentClip clip(std::int64_t index) const;

  /// Ground truth, for validation. @throws ValueError for a clip without actions.
  Trajectory trajectory(std::int64_t clip) const;
  Rig rig(std::int64_t clip) const;

 private:
  struct Shard {
    TensorMap tensors;
    std::vector<std::string> texts, sources, episodes;
    std::vector<Rig> rigs;
  };
  struct Row {
    std::size_t shard;
    std::int64_t index;
  };

  void open(const std::filesystem::path& file);
  const Row& row(std::int64_t clip) const;

  std::vector<Shard> shards_;
  std::vector<Row> rows_;
};

}  // namespace action_images
