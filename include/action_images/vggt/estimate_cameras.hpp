// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <action_images/codec/rig.hpp>
#include <action_images/vggt/load.hpp>
#include <action_images/vggt/preprocess.hpp>
#include <action_images/vggt/scene_quality.hpp>
#include <action_images/vggt/vggt.hpp>

namespace action_images {

struct EstimateOptions {
  VggtSizing sizing = VggtSizing::crop;
  double percentile = 50.0;          ///< 0..100: so many per cent of all points, the least sure ones, are left out
  double min_confidence = 0.0;       ///< so are points of less confidence, which is at least 1
  double pixel_offset = 0.5;         ///< of the points, see points_from_depth(); 0 makes those of the release
  std::int64_t chunk = 8;            ///< pictures that the depth head takes at once
  std::filesystem::path cache = {};  ///< folder for what the network saw; none if empty
  std::function<void(const std::string&)> notice = {};  ///< of damaged files in the cache; standard error if empty
  std::function<bool(std::int64_t done, std::int64_t total)> progress = {};  ///< of the network, see VggtOptions
};

/// Cameras of S pictures and the points that they show. The world is about the frame of the first camera, in OpenCV's
/// axes; its unit is arbitrary, not metres, and another one for other pictures.
struct SceneEstimate {
  std::vector<Camera> cameras;  ///< of every picture in its own pixels: x right, y down, the first centre (0.5, 0.5)
  /// Those cameras. If the pictures' sizes differ, of their middle squares, all of the largest one's size, as
  /// common_pictures() makes them.
  Rig rig;
  at::Tensor points;                      ///< (N, 3) float32
  at::Tensor colors;                      ///< (N, 3) uint8
  at::Tensor confidence;                  ///< (N,) float32, >= 1: the larger, the surer
  at::Tensor depth;                       ///< (S, H, W) float32, of the pictures as the network saw them
  at::Tensor depth_confidence;            ///< (S, H, W) float32, >= 1
  std::vector<VggtPlacement> placements;  ///< S, of the pictures in those maps
  SceneQuality quality;
};

/// Cameras and points of pictures, by a network in memory.
///
/// Poor sets of pictures (one, hardly any distance between the cameras, nothing in common) have warnings and a low
/// confidence in `quality`.
/// @param pictures  1..1024 of (H, W, 3) or (H, W, 4) uint8 on the CPU, sides up to 16384.
/// @throws ShapeError for no picture or another shape; ValueError for a picture of one colour, two equal pictures, an
///         option out of range, or another dtype; NumericalError if what the network gives is no camera: NaN, infinity,
///         a quaternion of length 0, a field of view outside 1..179 degrees; Interrupted.
SceneEstimate estimate_cameras(const Vggt& network, const std::vector<at::Tensor>& pictures,
                               const EstimateOptions& options = {});

/// The same by weights on disk, which are read only if the cache does not have what the network sees in these pictures.
/// Cached files are named by the contents of pictures and weights, the config, the dtype and the device.
/// @throws also FormatError as load_vggt.
SceneEstimate estimate_cameras(const std::filesystem::path& weights, const std::vector<at::Tensor>& pictures,
                               const EstimateOptions& options = {}, const VggtLoadOptions& loading = {});

/// The pictures (S, H, W, 3) uint8 that SceneEstimate::rig is for: as they are, without alpha, if they have one size;
/// else their middle squares, resized to the largest of them.
/// @throws as estimate_cameras
at::Tensor common_pictures(const std::vector<at::Tensor>& pictures);

}  // namespace action_images
