// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include <ATen/core/Tensor.h>

#include <action_images/codec/rig.hpp>

namespace action_images {

/// The cameras of V views as tensors of one device, so that points are projected in batches and gradients reach the
/// calibration. Conventions are those of `Camera`. F is 1 if the cameras stand still, T if they move.
struct TensorRig {
  at::Tensor intrinsics;         ///< (V, 3, 3) or (V, F, 3, 3), last row 0 0 1 [px]
  at::Tensor world_from_camera;  ///< (V, 4, 4) or (V, F, 4, 4), rigid [m]
  std::int64_t height = 0;       ///< of the pictures [px]
  std::int64_t width = 0;
  /// (V, 8) or (V, F, 8): k1 k2 p1 p2 k3 k4 k5 k6 of a Brown-Conrady lens or k1 k2 k3 k4 0 0 0 0 of a fisheye; zeros
  /// with `fisheye` false are a pinhole. Undefined: all views are pinholes.
  at::Tensor distortion{};
  at::Tensor fisheye{};  ///< (V) or (V, F) bool: the lens is a fisheye. Undefined: none is

  TensorRig() = default;
  TensorRig(at::Tensor intrinsics, at::Tensor world_from_camera, std::int64_t height, std::int64_t width,
            at::Tensor distortion = {}, at::Tensor fisheye = {});

  /// The rig's cameras, float64, on a device.
  explicit TensorRig(const Rig& rig, c10::Device device = c10::kCPU);

  std::int64_t views() const { return intrinsics.size(0); }
  std::int64_t frames() const { return intrinsics.dim() == 4 ? intrinsics.size(1) : 1; }
};

/// Throws ShapeError unless the tensors have the shapes above, agree on V, and F is 1 or `frames`; ValueError unless
/// they are floating point numbers on `device` and the size is 1..16384. Their values are not looked at, which would
/// wait for the device.
void check_rig(const TensorRig& rig, std::int64_t frames, c10::Device device, std::string_view where);

namespace detail {

/// Cameras ready for arithmetic: float64, every tensor with axes (V, F, ...).
struct PreparedRig {
  at::Tensor intrinsics, inverse_intrinsics;  // (V, F, 3, 3)
  at::Tensor world_from_camera;               // (V, F, 3, 3) rotation
  at::Tensor camera_from_world;               // (V, F, 3, 3) rotation
  at::Tensor center;                          // (V, F, 3)
  at::Tensor distortion, fisheye;             // (V, F, 8), (V, F) or undefined
};

PreparedRig prepare(const TensorRig& rig);

/// Pixels of points, and where they are seen.
struct TensorProjection {
  at::Tensor pixels;      // (..., V, T, N, 2) [px]
  at::Tensor seen;        // (..., V, T, N) bool: in front of the camera, inside the lens's one-to-one field
  at::Tensor derivative;  // (..., V, T, N, 2, 3) with respect to the point in world [px/m], if asked for
};

/// @param points  (..., T, N, 3) float64 in world [m]. Pixels of points that are not seen are finite and mean nothing.
TensorProjection project(const PreparedRig& rig, const at::Tensor& points, bool with_derivative = false);

/// Unit directions in world of the rays through pixels. A pixel where the lens shows nothing gets NaN.
/// @param pixels  (..., V, T, N, 2) float64 [px].   @return (..., V, T, N, 3).
at::Tensor ray_directions(const PreparedRig& rig, const at::Tensor& pixels);

/// Inverses of matrices (..., 3, 3) by cofactors: unlike a factorisation it never waits for the device.
at::Tensor inverse_3x3(const at::Tensor& matrix);
/// Determinants (...) of matrices (..., 3, 3).
at::Tensor determinant_3x3(const at::Tensor& matrix);
/// matrix (..., I, J) times vector (..., J).
at::Tensor apply(const at::Tensor& matrix, const at::Tensor& vector);

}  // namespace detail

}  // namespace action_images
