// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>
#include <nlohmann/json_fwd.hpp>

#include <action_images/calibration/rig_checks.hpp>
#include <action_images/vggt/pose_encoding.hpp>

namespace action_images {

/// What S cameras and the depth maps of their pictures say about each other. A network answers with confidence where
/// nothing can be known (one picture, no distance between the cameras, nothing in common); these numbers show it.
struct SceneQuality {
  std::vector<double> fov_x, fov_y;  ///< of every camera's own pictures [deg]
  double depth = 0.0;                ///< median of all depth maps' surer halves, in the scene's unit
  double baseline = 0.0;             ///< largest distance between two cameras, divided by that depth
  double parallax = 0.0;             ///< median angle under which a point sees two cameras, of the best pair [deg]
  double overlap = 0.0;              ///< share of the points that lie in some other picture, 0..1
  double agreement = 0.0;            ///< share of those whose depth there is the other map's within 5 %, 0..1
  double depth_error = 0.0;          ///< median difference of these depths, relative to the other map's
  double depth_confidence = 0.0;     ///< median of the network's own, >= 1
  /// 0: nothing supports these cameras; 1: all of the numbers above are as of a good scene. The least of four ramps,
  /// from 0 up to baseline 0.05, parallax 3 deg and overlap 0.3, and of agreement from 0.1 to 0.6. A rule, not a
  /// probability.
  double confidence = 0.0;
  std::vector<Finding> warnings;
};

/// Cameras and depth maps as a network sees them.
struct SeenScene {
  VggtCameras cameras;          ///< (S, 3, 4) and (S, 3, 3), float64
  at::Tensor depth;             ///< (S, H, W) float32
  at::Tensor depth_confidence;  ///< (S, H, W) float32
  at::Tensor shown;             ///< (S, H, W) bool: pixels that are not borders
};

/// Measures everything but fov_x and fov_y, and warns where it is poor. A few thousand points of a picture are looked
/// at, and of more than 16 pictures each with the next eight.
SceneQuality scene_quality(const SeenScene& scene);

/// All fields; numbers that are not finite are null.
nlohmann::json json_from(const SceneQuality& quality);

}  // namespace action_images
