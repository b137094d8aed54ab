// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <action_images/codec/convention.hpp>
#include <action_images/codec/encode.hpp>
#include <action_images/tensor/cameras.hpp>

/// The codec in batches on the tensors' device: drawing that can be differentiated. It does not wait for the device, so
/// it does not look at values: what the codec refuses (NaN, an openness outside [0, 1]) is not refused here.
/// Geometry is float64, which the device must know.
namespace action_images {

/// `encode` for tensors: the same pixels, float in [0, 1]. Gradients flow to the actions and to the cameras; those of
/// the openness come from the background where no Gaussian covers it (convention `release` rounds it: they are 0).
/// A Gaussian is the product of two profiles, so the only arrays of the pictures' size are the pictures and one mask.
/// @param actions  (..., T, 7) float32 or float64: x y z [m], ex ey ez [rad], openness in [0, 1].
/// @param rig      V views on the actions' device.
/// @return (..., V, T, H, W, 3) in the actions' dtype, on their device.
/// @throws ShapeError if the actions or the rig have another shape; ValueError on another dtype or device, or an option
///         that is out of range.   @see paper Sec. 3.1
at::Tensor encode_tensor(const at::Tensor& actions, const TensorRig& rig, const EncodeOptions& options = {});

/// The position, normal and up points of actions. @param actions (..., T, 7).  @return (..., T, 3, 3) [m].
at::Tensor action_points(const at::Tensor& actions, double axis_length = 0.1);

}  // namespace action_images
