// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/conditioning.hpp>

#include <ATen/ATen.h>

#include <action_images/codec/encode.hpp>
#include <action_images/codec/pixel_action.hpp>
#include <action_images/tensor/array.hpp>

#include "vae_progress.hpp"

namespace action_images {

at::Tensor normalized_from_pixels(const at::Tensor& pixels) {
  const bool bytes = pixels.scalar_type() == at::kByte;
  const at::Tensor scaled = bytes ? pixels.to(at::kFloat) / 127.5F - 1.0F : pixels.to(at::kFloat) * 2.0F - 1.0F;
  return scaled.permute({0, 4, 1, 2, 3}).contiguous();
}

at::Tensor pixels_from_normalized(const at::Tensor& video) {
  const at::Tensor scaled = ((video.to(at::kFloat) + 1.0F) * 127.5F).round().clamp(0.0F, 255.0F);
  return scaled.to(at::kByte).permute({0, 2, 3, 4, 1}).contiguous();
}

at::Tensor draw_actions(const Trajectory& actions, const Rig& rig, const WorldConfig& config) {
  return normalized_from_pixels(to_tensor(encode<float>(actions, rig, config.codec)));
}

at::Tensor draw_view_actions(const PixelActions& pixels, const WorldConfig& config) {
  const auto size = [](std::int64_t pixels) { return static_cast<std::size_t>(pixels); };
  return normalized_from_pixels(
      to_tensor(encode_pixels<float>(view_of(pixels), size(config.height), size(config.width), config.codec)));
}

at::Tensor encode_views(const at::Tensor& videos, const VideoVae& vae, const VaeOptions& options) {
  std::vector<at::Tensor> latents;
  for (std::int64_t view = 0; view < videos.size(0); ++view) {
    latents.push_back(vae.encode(videos.narrow(0, view, 1), part_of(options, view, videos.size(0))));
  }
  return at::cat(latents);
}

at::Tensor encode_actions(const Trajectory& actions, const Rig& rig, const WorldConfig& config, const VideoVae& vae) {
  return encode_views(draw_actions(actions, rig, config), vae);
}

DecodeOptions decode_options(const WorldConfig& config) {
  return {.convention = config.codec.convention,
          .sigma = config.codec.sigma,
          .axis_length = config.codec.axis_length,
          .threshold = config.codec.threshold};
}

at::Tensor decode_stream(const at::Tensor& latents, const Packing& packing, Stream stream, const VideoVae& vae,
                         const VaeOptions& options) {
  const std::vector<std::int64_t> views = packing.views();
  std::vector<at::Tensor> pixels;
  for (const std::int64_t view : views) {
    const auto index = static_cast<std::int64_t>(pixels.size());
    const VaeOptions part = part_of(options, index, static_cast<std::int64_t>(views.size()));
    const at::Tensor video = vae.decode(packing.segment(latents, view, stream).narrow(0, 0, 1), /*clamp=*/true, part);
    pixels.push_back(pixels_from_normalized(video).cpu());
  }
  return at::cat(pixels);
}

}  // namespace action_images
