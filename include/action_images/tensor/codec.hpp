// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>

#include <ATen/core/Tensor.h>

#include <action_images/codec/convention.hpp>
#include <action_images/codec/encode.hpp>
#include <action_images/tensor/cameras.hpp>

/// The codec in batches on the tensors' device: drawing that can be differentiated, and robust reading. Neither waits
/// for the device, so neither looks at values: what the codec refuses (NaN, an openness outside [0, 1]) shows as NaN.
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

struct TensorDecodeOptions {
  Convention convention = Convention::paper;
  std::optional<double> sigma{};                 ///< of the drawn Gaussians [px]; 0.05 * min(H, W) if not given
  double axis_length = 0.1;                      ///< distance of the normal and up points from the position [m]
  std::optional<double> depth{};                 ///< one view: of the position along the camera's axis [m]
  std::optional<std::array<double, 4>> plane{};  ///< one view: (a, b, c, d), the position has a x + b y + c z + d = 0
  double min_confidence = 0.001;                 ///< frames below are undecodable
};

/// What action images say: (...) leading axes, T frames. An undecodable frame has confidence 0 and is not valid.
struct TensorDecoded {
  at::Tensor actions;             ///< (..., T, 7); position and angles NaN where not valid
  at::Tensor points;              ///< (..., T, 3, 3): position, normal, up in world [m]; NaN if not found
  at::Tensor covariance;          ///< (..., T, 3, 3, 3) of each point [mm^2]; NaN if not found
  at::Tensor point_confidence;    ///< (..., T, 3), 0..1
  at::Tensor confidence;          ///< (..., T), 0..1
  at::Tensor reprojection_error;  ///< (..., T, 3, V) [px]; NaN if not seen
  at::Tensor pixels;              ///< (..., T, 3, V, 2): where each view sees the point [px]; NaN if it does not
  at::Tensor sigma;               ///< (..., T, 3, V): fitted standard deviation of the blob [px]; NaN if not seen
  at::Tensor used;                ///< (..., T, 3, V) bool: the view took part in the point
  at::Tensor valid;               ///< (..., T) bool
};

/// The robust method of `decode` for tensors, all frames at once: in every view and channel the sub-pixel peak with its
/// covariance (robust Gaussian fit), the point on which pairs of views and the votes of the others agree, the rotation
/// nearest to the three points, the openness from the blue background.
///
/// Positions agree with `decode` within 0.02 mm on drawn images, within the noise on noisy ones. Left out: second and
/// third candidates of a view (a brighter false blob costs that view, and with two views the frame), covariances for
/// noise that neighbouring pixels share, and filling of undecodable frames. Not differentiable.
/// @param images  (..., V, T, H, W, 3), uint8 or floating point in [0, 1], of the rig's size; 1 <= V <= 16.
/// @return on the images' device; float64 if the images are, else float32.
/// @throws ShapeError if the images are not the rig's; ValueError on another dtype or device, an option out of range,
/// or
///         one view with neither depth nor plane.   @see paper Sec. 3.2
TensorDecoded decode_tensor(const at::Tensor& images, const TensorRig& rig, const TensorDecodeOptions& options = {});

}  // namespace action_images
