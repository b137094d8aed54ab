// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace action_images {

/// Cameras of pictures of one size: pinhole, no skew, the principal point in the middle, OpenCV's axes.
struct VggtCameras {
  at::Tensor extrinsics;  ///< (..., 3, 4) world-to-camera [R | t]
  at::Tensor intrinsics;  ///< (..., 3, 3) [pixel]; the centre of the first pixel is (0.5, 0.5)
};

/// Cameras of VGGT's nine numbers: translation (3), quaternion x y z w (4), vertical and horizontal field of view [rad].
///
/// The quaternion need not have length 1. A field of view of 0, which the network gives for what it does not know, is
/// taken for a very small one (1e-6), so that everything stays finite.
/// @param pose_encoding  (..., 9) floating point.   @param height,width  of the pictures [pixel].
/// @throws ShapeError on another shape; ValueError unless height and width are positive.
VggtCameras cameras_from_pose_encoding(const at::Tensor& pose_encoding, std::int64_t height, std::int64_t width);

/// The nine numbers (..., 9) of cameras; the quaternion has length 1 and w >= 0.
/// @throws ShapeError unless extrinsics is (..., 3, 4) and intrinsics (..., 3, 3); ValueError as above.
at::Tensor pose_encoding_from_cameras(const VggtCameras& cameras, std::int64_t height, std::int64_t width);

/// Points in the world that depth maps show: R^T (z K^-1 [u, v, 1] - t).
///
/// @param depth          (..., H, W), z in the camera's frame.
/// @param pixel_offset   what is added to a pixel's index for u and v: 0.5 is its centre; 0 is what VGGT's own code takes.
/// @return (..., H, W, 3).
/// @throws ShapeError if the leading axes of depth and cameras differ.
at::Tensor points_from_depth(const at::Tensor& depth, const VggtCameras& cameras, double pixel_offset = 0.5);

}  // namespace action_images
