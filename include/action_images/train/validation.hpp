// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <action_images/text/tokenizer.hpp>
#include <action_images/train/latent_dataset.hpp>
#include <action_images/world/network.hpp>

namespace action_images {

/// Plans (i2va, the first action not given) for the first `clips` clips and compares with the recorded motion.
/// @return {"clips", "final_error_mm_median", "within_25_mm" (share), "trajectory_error_mm" (mean)}
nlohmann::json validate_plans(const WorldNetwork& network, const VideoVae& vae, const LatentDataset& data,
                              const Tokenizer& tokenizer, std::int64_t clips);

}  // namespace action_images
