// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include <nlohmann/json.hpp>

#include <action_images/dist/process_group.hpp>
#include <action_images/train/batches.hpp>
#include <action_images/train/latent_cache.hpp>
#include <action_images/world/network.hpp>

namespace action_images {

/// What a validation works with.
struct ValidationSet {
  const LatentCache& clips;
  const VideoVae& vae;
  PromptReader prompts;
  std::int64_t count = 64;           ///< clips that are planned; those without actions are left out
  std::int64_t videos = 0;           ///< of them that are written, beside what was recorded
  std::filesystem::path folder = {};  ///< for the videos: clip_N_view_M.mp4, [recorded | generated | action images]
};

/// Plans (i2va, the first action not given) from the first pictures of clips and compares with the recorded motion. The
/// clips are divided over the processes; every process gets the result.
/// @return {"clips", "final_error_mm_median", "within_25_mm" (share), "trajectory_error_mm" (mean)}
nlohmann::json validate_plans(const WorldNetwork& network, const ValidationSet& set, const ProcessGroup& group);

}  // namespace action_images
