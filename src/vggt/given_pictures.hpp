// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include <action_images/vggt/scene_quality.hpp>

/// The pictures that cameras are estimated of, (H, W, 3) or (H, W, 4) uint8 each.
namespace action_images::vggt {

using Pictures = std::vector<at::Tensor>;

/// @throws as estimate_cameras(), unless every picture shows something and no two are the same.
void check_pictures(const Pictures& pictures);

bool of_one_size(const Pictures& pictures);

/// The side of the largest middle square [px].
int common_side(const Pictures& pictures);

/// Warns of pictures that show hardly anything, are nearly the same or of different sizes, and lowers the confidence.
/// @param images  (S, 3, H, W) float32 in [0, 1], the pictures as the network takes them.
void warn_of_pictures(const at::Tensor& images, const Pictures& pictures, SceneQuality& quality);

}  // namespace action_images::vggt
