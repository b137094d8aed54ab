// SPDX-License-Identifier: Apache-2.0
// The points that many frames' views show, at once.
#pragma once

#include <ATen/core/Tensor.h>

#include <action_images/tensor/codec.hpp>

namespace action_images::detail {

/// What each view shows of each point; float64, axes (B, V, T, 3, ...).
struct Sightings {
  at::Tensor pixels;      // (B, V, T, 3, 2) [px]
  at::Tensor covariance;  // (B, V, T, 3, 2, 2) [px^2]
  at::Tensor sigma;       // (B, V, T, 3) [px]
  at::Tensor score;       // (B, V, T, 3), 0..1
  at::Tensor found;       // (B, V, T, 3) bool
};

struct FusedPoints {
  at::Tensor points;      // (B, T, 3, 3) in world [m]
  at::Tensor covariance;  // (B, T, 3, 3, 3) [m^2]
  at::Tensor confidence;  // (B, T, 3)
  at::Tensor found;       // (B, T, 3) bool
  at::Tensor used;        // (B, V, T, 3) bool
  at::Tensor error;       // (B, V, T, 3) from the seen to the projected point [px]
};

struct FuseOptions {
  double sigma;        // of the drawn Gaussians [px]
  double axis_length;  // [m]
};

/// Two views and more: every pair of views proposes a point, all views vote, and Gauss-Newton steps on the reprojection
/// of those that agree follow; as CorrespondenceSearch and triangulate.
FusedPoints fuse(const Sightings& seen, const PreparedRig& rig, const FuseOptions& options);

/// One view: the position on the plane or at the depth of `options`; as read_one_view.
FusedPoints locate(const Sightings& seen, const PreparedRig& rig, const TensorDecodeOptions& options);

}  // namespace action_images::detail
