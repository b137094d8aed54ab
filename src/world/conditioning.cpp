// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/conditioning.hpp>

#include <ATen/ATen.h>

#include <action_images/codec/encode.hpp>
#include <action_images/codec/plucker.hpp>

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
  const auto views = static_cast<std::int64_t>(rig.size());
  const auto frames = static_cast<std::int64_t>(actions.size());
  at::Tensor images = at::empty({views, frames, rig.height(), rig.width(), 3}, at::kFloat);
  encode_into(actions, rig,
              ImagesView<float>{images.data_ptr<float>(), rig.size(), actions.size(),
                                static_cast<std::size_t>(rig.height()), static_cast<std::size_t>(rig.width())},
              config.codec);
  return normalized_from_pixels(images);
}

at::Tensor encode_actions(const Trajectory& actions, const Rig& rig, const WorldConfig& config, const VideoVae& vae) {
  return vae.encode(draw_actions(actions, rig, config));
}

DecodeOptions decode_options(const WorldConfig& config) {
  return {.convention = config.codec.convention, .sigma = config.codec.sigma, .axis_length = config.codec.axis_length,
          .threshold = config.codec.threshold};
}

at::Tensor decode_stream(const at::Tensor& latents, const Packing& packing, Stream stream, const VideoVae& vae) {
  std::vector<at::Tensor> segments;
  for (const std::int64_t view : packing.views()) segments.push_back(packing.segment(latents, view, stream)[0]);
  return pixels_from_normalized(vae.decode(at::stack(segments)));
}

at::Tensor encode_cameras(const Rig& rig, const WorldConfig& config, const VideoVae& vae) {
  check(!rig.is_moving(), "world::encode_cameras", "rig", "cameras that stand still", "cameras that move");
  const auto rays = plucker<float>(rig.relative_to_first());
  const auto views = static_cast<std::int64_t>(rig.size());
  const at::Tensor maps = at::from_blob(const_cast<float*>(rays.data()), {views, rig.height(), rig.width(), 6}, at::kFloat)
                              .permute({0, 3, 1, 2})
                              .unsqueeze(2);  // [V, 6, 1, H, W]
  const at::Tensor direction = vae.encode(maps.narrow(1, 0, 3).contiguous());
  const at::Tensor moment = vae.encode((maps.narrow(1, 3, 3) / config.moment_scale).contiguous());
  return at::cat({direction, moment}, 1).select(2, 0);
}

}  // namespace action_images
