// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/latents.hpp>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <action_images/world/cameras.hpp>
#include <action_images/world/conditioning.hpp>

namespace action_images {

LatentClip encode_clip(const Clip& clip, const WorldConfig& config, const VideoVae& vae, const VaeOptions& options) {
  const at::NoGradGuard no_gradients;
  LatentClip latents{.text = clip.text, .source = clip.layout, .episode = clip.episode};
  latents.video = encode_views(normalized_from_pixels(clip.video), vae, options);
  if (clip.actions) latents.action = encode_views(draw_actions(*clip.actions, clip.rig, config), vae, options);
  if (config.transformer.camera_channels > 0) {
    latents.camera = encode_cameras(clip.rig, clip.video.size(1), config, vae, options);
  }
  latents.first_frames = clip.video.select(1, 0).contiguous();
  return latents;
}

}  // namespace action_images
