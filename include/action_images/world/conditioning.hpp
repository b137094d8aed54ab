// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <action_images/codec/array.hpp>
#include <action_images/codec/decoded.hpp>
#include <action_images/codec/rig.hpp>
#include <action_images/vae/video_vae.hpp>
#include <action_images/world/config.hpp>

namespace action_images {

/// Pictures as networks take them: [V, T, H, W, 3] uint8 or float in [0, 1] -> [V, 3, T, H, W] float32 in [-1, 1].
at::Tensor normalized_from_pixels(const at::Tensor& pixels);

/// The inverse, rounded to uint8: [V, 3, T, H, W] -> [V, T, H, W, 3].
at::Tensor pixels_from_normalized(const at::Tensor& video);

/// The action images of a trajectory, drawn as the config says. @return [V, 3, T, H, W] float32 in [-1, 1]
at::Tensor draw_actions(const Trajectory& actions, const Rig& rig, const WorldConfig& config);

/// The action images of what each view sees, drawn as the config says. @param pixels  (V, T, 7) of the model's pictures.
/// @return [V, 3, T, H, W] float32 in [-1, 1]   @throws as encode_pixels
at::Tensor draw_view_actions(const PixelActions& pixels, const WorldConfig& config);

/// Latents of the videos of all views, one view after another so that memory does not grow with their number.
/// @param videos [V, 3, T, H, W] in [-1, 1]   @return [V, C, T_l, h, w]
at::Tensor encode_views(const at::Tensor& videos, const VideoVae& vae, const VaeOptions& options = {});

/// Latents of the action images of a trajectory, drawn as the config says. @return [V, C, T_l, h, w]
at::Tensor encode_actions(const Trajectory& actions, const Rig& rig, const WorldConfig& config, const VideoVae& vae);

/// How action images that follow the config are read.
DecodeOptions decode_options(const WorldConfig& config);

/// The pictures of one stream of every view of a packed sequence. @param latents [1, C, T, h, w]
/// @return uint8 [V, T, H, W, 3]
at::Tensor decode_stream(const at::Tensor& latents, const Packing& packing, Stream stream, const VideoVae& vae,
                         const VaeOptions& options = {});

}  // namespace action_images
