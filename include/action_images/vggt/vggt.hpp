// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include <action_images/nn/parameters.hpp>
#include <action_images/vggt/config.hpp>
#include <action_images/vggt/pose_encoding.hpp>

namespace action_images {

namespace vggt {
struct Network;
}

/// What VGGT sees in B scenes of S pictures of H x W pixels. The world is about the frame of the first picture's camera,
/// and its unit is the mean distance of the scene's points to that camera: it is not metric.
struct VggtOutput {
  at::Tensor pose_enc;                     ///< (B, S, 9), see pose_encoding.hpp
  std::vector<at::Tensor> pose_enc_list;   ///< the same after each of the camera head's iterations
  VggtCameras cameras;                     ///< of pose_enc: (B, S, 3, 4) and (B, S, 3, 3)
  at::Tensor depth, depth_conf;            ///< (B, S, H, W, 1) and (B, S, H, W), confidence >= 1; undefined if not asked for
  at::Tensor world_points;                 ///< (B, S, H, W, 3), or undefined
  at::Tensor world_points_conf;            ///< (B, S, H, W), >= 1, or undefined
};

struct VggtOptions {
  bool depth = true;           ///< run the depth head
  bool points = true;          ///< run the point head
  std::int64_t iterations = 4; ///< of the camera head
  std::int64_t chunk = 8;      ///< pictures that a dense head takes at once; the results differ by rounding only
  /// Called after every block of the trunk and every chunk of a head; returning false stops by an Interrupted error.
  std::function<bool(std::int64_t done, std::int64_t total)> progress = {};
};

/// VGGT: cameras, depth and points of any number of pictures in one pass (Wang et al. 2025, arXiv 2503.11651): DINOv2
/// features of the pictures, blocks that attend within each picture and over all of them in turn, a camera head that
/// refines its answer, and dense heads (DPT).
///
/// Parameters carry the names of the published checkpoint. The order of the pictures matters: the first one has
/// parameters of its own. The heads compute in float32. trunk_to(bfloat16) halves the memory of the rest, whose sums
/// stay in float32.
class Vggt {
 public:
  /// @param parameters  where the weights live: its own by default, or over tensors that somebody else owns.
  /// @throws ValueError if the config does not make a network; FormatError if existing tensors do not fit it.
  explicit Vggt(const VggtConfig& config = {}, Parameters parameters = Parameters());

  /// @param images  (B, S, 3, H, W) RGB in [0, 1], floating point, on the parameters' device; H and W multiples of the
  ///                patch size.
  /// @throws ShapeError on another shape; ValueError on another dtype or an option out of range; Interrupted.
  VggtOutput forward(const at::Tensor& images, const VggtOptions& options = {}) const;

  /// Outputs of the aggregator, one of (B, S, first_patch + patches, 2 embed) for each of `depth` pairs of blocks, in
  /// float32; `outputs` says which are wanted, and the others are undefined. @throws as forward()
  std::vector<at::Tensor> aggregate(const at::Tensor& images, const std::vector<std::int64_t>& outputs) const;

  /// Casts the DINOv2 network and the aggregator, and not the heads.
  void trunk_to(at::ScalarType dtype);

  const VggtConfig& config() const { return config_; }
  Parameters& parameters() { return parameters_; }
  const Parameters& parameters() const { return parameters_; }

 private:
  VggtConfig config_;
  Parameters parameters_;
  std::shared_ptr<const vggt::Network> network_;
};

/// The tensors that Vggt takes of a published checkpoint: those of the tracking head and DINOv2's unused mask token are
/// left out.
TensorMap vggt_tensors(const TensorMap& tensors);

}  // namespace action_images
