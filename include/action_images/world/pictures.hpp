// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include <action_images/codec/rig.hpp>
#include <action_images/video/frames.hpp>

namespace action_images {

/// Brings the frames of all views to one size: centre crop to the aspect ratio, then antialiased linear resize, with
/// pixel centres kept where `Rig::center_crop_resize` puts them, half pixels included.
/// @param views  frames of every view, all of the rig's size and equally many.
/// @return uint8 [V, T, height, width, 3]
/// @throws ShapeError if the number of views, their sizes or their frame counts do not fit the rig and each other.
at::Tensor fitted_pictures(const std::vector<VideoFrames>& views, const Rig& rig, int height, int width);

}  // namespace action_images
