// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include <action_images/codec/rig.hpp>
#include <action_images/vae/video_vae.hpp>
#include <action_images/world/config.hpp>

namespace action_images {

/// The rig's cameras in the frame that the config's `camera_reference` and `camera_axes` name. The form that a camera is
/// written in, with positive or negative focal lengths, makes no difference to its rays.
Rig in_camera_frame(const Rig& rig, const WorldConfig& config);

/// Camera conditioning: the Pluecker rays of every view in that frame, direction and moment / moment_scale each encoded
/// by the VAE as a video of T frames, joined on channels. Spec of the release: ReCamMaster-like conditioning.
///
/// Rays of a few frames exist at a time, unless the VAE is tiled; views with equal cameras are encoded once.
/// @param frames  T of the clip.   @param rig  cameras that stand still, or those of T frames.
/// @return [V, T_l, 2 C, h, w]; [V, 1, 2 C, h, w] if all latent frames are the same, because nothing moves and the VAE
///         encodes every group of frames by itself.
/// @throws ValueError if the rig moves for another number of frames; Interrupted if the progress callback says so.
at::Tensor encode_cameras(const Rig& rig, std::int64_t frames, const WorldConfig& config, const VideoVae& vae,
                          const VaeOptions& options = {});

}  // namespace action_images
