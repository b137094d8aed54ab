// SPDX-License-Identifier: Apache-2.0
#include <action_images/vae/video_vae.hpp>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>
#include <action_images/vae/patch_vae.hpp>

namespace action_images {

at::Tensor VideoVae::encode(const at::Tensor& video) const {
  constexpr auto where = "vae::VideoVae::encode";
  check_shape(video.dim() == 5 && video.size(1) == 3, where, "video", "(B, 3, T, H, W)", video.sizes());
  const bool whole = (video.size(2) - 1) % temporal_stride() == 0 && video.size(2) >= 1;
  check_shape(whole, where, "video", text_of("T = ", temporal_stride(), "k + 1 frames"), video.sizes());
  for (const int axis : {3, 4}) {
    check_shape(video.size(axis) > 0 && video.size(axis) % spatial_stride() == 0, where, "video",
                text_of("H and W multiples of ", spatial_stride()), video.sizes());
  }
  check(video.is_floating_point(), where, "video", "floating-point numbers in [-1, 1]", video.scalar_type());
  return encode_video(video);
}

at::Tensor VideoVae::decode(const at::Tensor& latents, bool clamp) const {
  constexpr auto where = "vae::VideoVae::decode";
  check_shape(latents.dim() == 5 && latents.size(1) == channels() && latents.size(2) >= 1 && latents.size(3) >= 1 &&
                  latents.size(4) >= 1,
              where, "latents", text_of("(B, ", channels(), ", T, H, W)"), latents.sizes());
  check(latents.is_floating_point(), where, "latents", "floating-point numbers", latents.scalar_type());
  const at::Tensor video = decode_latents(latents);
  return clamp ? video.clamp(-1.0, 1.0) : video;
}

std::int64_t VideoVae::latent_frames(std::int64_t frames) const {
  check<ShapeError>(frames >= 1 && (frames - 1) % temporal_stride() == 0, "vae::VideoVae::latent_frames", "frames",
                    text_of(temporal_stride(), "k + 1"), frames);
  return 1 + (frames - 1) / temporal_stride();
}

std::int64_t VideoVae::frames(std::int64_t latent_frames) const {
  check<ShapeError>(latent_frames >= 1, "vae::VideoVae::frames", "latent_frames", "at least 1", latent_frames);
  return 1 + (latent_frames - 1) * temporal_stride();
}

std::unique_ptr<VideoVae> make_video_vae(const nlohmann::json& config) {
  constexpr auto where = "vae::make_video_vae";
  check(config.is_object() && config.contains("kind"), where, "config", "an object with the key \"kind\"",
        config.dump());
  check(config["kind"] == "patch", where, "kind", "\"patch\"", config["kind"].dump());
  return std::make_unique<PatchVae>(patch_vae_config(config));
}

}  // namespace action_images
