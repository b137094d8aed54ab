// SPDX-License-Identifier: Apache-2.0
#include <action_images/vae/video_vae.hpp>

#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>
#include <action_images/vae/patch_vae.hpp>
#include <action_images/vae/wan_vae.hpp>

#include "progress.hpp"
#include "tiles.hpp"

namespace action_images {
namespace {

// Progress of tile `index` of `count`, all alike, in that of the whole.
VaeProgress progress_of_tile(const VaeProgress& progress, std::size_t index, std::size_t count) {
  if (!progress) return {};
  return [=](std::int64_t done, std::int64_t total) {
    return progress(static_cast<std::int64_t>(index) * total + done, static_cast<std::int64_t>(count) * total);
  };
}

std::unique_ptr<VideoVae> make(const nlohmann::json& config, Parameters parameters) {
  constexpr auto where = "vae::make_video_vae";
  check(config.is_object() && config.contains("kind"), where, "config", "an object with the key \"kind\"",
        config.dump());
  if (config["kind"] == "wan") return std::make_unique<WanVae>(wan_vae_config(config), std::move(parameters));
  check(config["kind"] == "patch", where, "kind", "\"patch\" or \"wan\"", config["kind"].dump());
  return std::make_unique<PatchVae>(patch_vae_config(config), std::move(parameters));
}

}  // namespace

at::Tensor VideoVae::encode(const at::Tensor& video, const VaeOptions& options) const {
  constexpr auto where = "vae::VideoVae::encode";
  check_shape(video.dim() == 5 && video.size(1) == 3, where, "video", "(B, 3, T, H, W)", video.sizes());
  const bool whole = (video.size(2) - 1) % temporal_stride() == 0 && video.size(2) >= 1;
  check_shape(whole, where, "video", text_of("T = ", temporal_stride(), "k + 1 frames"), video.sizes());
  for (const int axis : {3, 4}) {
    check_shape(video.size(axis) > 0 && video.size(axis) % spatial_stride() == 0, where, "video",
                text_of("H and W multiples of ", spatial_stride()), video.sizes());
  }
  check(video.is_floating_point(), where, "video", "floating-point numbers in [-1, 1]", video.scalar_type());
  return options.tiling ? encode_tiles(video, options) : encode_video(video, options.progress);
}

at::Tensor VideoVae::encode_tiles(const at::Tensor& video, const VaeOptions& options) const {
  const std::int64_t s = spatial_stride(), height = video.size(3) / s, width = video.size(4) / s;
  const auto tiles = tiles_of(*options.tiling, height, width);
  TileBlend blend(*options.tiling, height, width, 1);
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    const auto& [top, bottom, left, right] = tiles[i];
    const at::Tensor part = video.narrow(3, top * s, (bottom - top) * s).narrow(4, left * s, (right - left) * s);
    blend.add(tiles[i], encode_video(part, progress_of_tile(options.progress, i, tiles.size())));
  }
  return blend.result();
}

at::Tensor VideoVae::decode(const at::Tensor& latents, bool clamp, const VaeOptions& options) const {
  constexpr auto where = "vae::VideoVae::decode";
  check_shape(latents.dim() == 5 && latents.size(1) == channels() && latents.size(2) >= 1 && latents.size(3) >= 1 &&
                  latents.size(4) >= 1,
              where, "latents", text_of("(B, ", channels(), ", T, H, W)"), latents.sizes());
  check(latents.is_floating_point(), where, "latents", "floating-point numbers", latents.scalar_type());
  at::Tensor video = options.tiling ? decode_tiles(latents, options) : decode_latents(latents, options.progress);
  if (!clamp) return video;
  return at::GradMode::is_enabled() && video.requires_grad() ? video.clamp(-1.0, 1.0) : at::clamp_(video, -1.0, 1.0);
}

at::Tensor VideoVae::decode_tiles(const at::Tensor& latents, const VaeOptions& options) const {
  const std::int64_t height = latents.size(3), width = latents.size(4);
  const auto tiles = tiles_of(*options.tiling, height, width);
  TileBlend blend(*options.tiling, height, width, spatial_stride());
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    const auto& [top, bottom, left, right] = tiles[i];
    const at::Tensor part = latents.narrow(3, top, bottom - top).narrow(4, left, right - left);
    blend.add(tiles[i], decode_latents(part, progress_of_tile(options.progress, i, tiles.size())));
  }
  return blend.result();
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

std::unique_ptr<VideoVae> make_video_vae(const nlohmann::json& config) { return make(config, Parameters()); }

std::unique_ptr<VideoVae> make_video_vae(const nlohmann::json& config, const TensorMap& tensors) {
  const bool kernels = config.is_object() && config.value("kind", nlohmann::json()) == "wan";
  return make(config, Parameters(kernels ? with_kernels_laid_out(tensors) : tensors));
}

}  // namespace action_images
