// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/cameras.hpp>

#include <set>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include <action_images/codec/plucker.hpp>
#include <action_images/core/interrupted.hpp>
#include <action_images/tensor/array.hpp>
#include <action_images/vae/patch_vae.hpp>
#include <action_images/vae/wan_vae.hpp>

#include "vae_progress.hpp"

namespace action_images {
namespace {

constexpr std::string_view where = "world::encode_cameras";

bool is_mirrored(const Camera& camera) { return camera.intrinsics()(0, 0) < 0.0; }

bool same_camera(const Camera& a, const Camera& b) {
  return a.intrinsics() == b.intrinsics() && a.world_from_camera().matrix() == b.world_from_camera().matrix() &&
         a.distortion().model() == b.distortion().model() && a.distortion().coefficients() == b.distortion().coefficients();
}

// The rig of one view alone.
Rig one_view(const Rig& rig, std::size_t view) {
  std::vector<Camera> cameras;
  for (std::size_t time = 0; time < rig.frames(); ++time) cameras.push_back(rig.camera(view, time));
  return Rig::moving({cameras});
}

bool same_view(const Rig& rig, std::size_t a, std::size_t b) {
  for (std::size_t time = 0; time < rig.frames(); ++time) {
    if (!same_camera(rig.camera(a, time), rig.camera(b, time))) return false;
  }
  return true;
}

// For every view the first one with equal cameras.
std::vector<std::size_t> first_equals(const Rig& rig) {
  std::vector<std::size_t> firsts;
  for (std::size_t view = 0; view < rig.size(); ++view) {
    std::size_t first = 0;
    while (!same_view(rig, first, view)) ++first;
    firsts.push_back(first);
  }
  return firsts;
}

// Directions and moments as two videos, each [V, 3, F, H, W].
std::pair<at::Tensor, at::Tensor> ray_videos(const Rig& rig, double moment_scale) {
  const at::Tensor rays = to_tensor(plucker<float>(rig)).permute({0, 4, 1, 2, 3});
  return {rays.narrow(1, 0, 3).contiguous(), (rays.narrow(1, 3, 3) / moment_scale).contiguous()};
}

// The rays of a view as a video, some frames at a time.
class RayVideo {
 public:
  RayVideo(const Rig& view, double moment_scale) : view_(view), moment_scale_(moment_scale) {
    if (!view.is_moving()) still_ = ray_videos(view, moment_scale);
  }

  std::pair<at::Tensor, at::Tensor> frames(std::int64_t first, std::int64_t count) const {
    if (view_.is_moving()) {
      return ray_videos(view_.clip(static_cast<std::size_t>(first), static_cast<std::size_t>(count)), moment_scale_);
    }
    const auto repeated = [count](const at::Tensor& video) { return video.expand({-1, -1, count, -1, -1}); };
    return {repeated(still_.first), repeated(still_.second)};
  }

 private:
  const Rig& view_;
  double moment_scale_;
  std::pair<at::Tensor, at::Tensor> still_;
};

// Both videos of a view side by side through the causal VAE, one group of frames after another. [1, 2 C, T_l, h, w]
at::Tensor encode_streaming(const RayVideo& rays, std::int64_t latent_frames, const WanVae& vae,
                            const VaeProgress& progress) {
  WanVaeEncoder direction(vae), moment(vae);
  std::vector<at::Tensor> latents;
  for (std::int64_t i = 0, first = 0; i < latent_frames; ++i) {
    const std::int64_t count = i == 0 ? 1 : vae.temporal_stride();
    const auto [directions, moments] = rays.frames(first, count);
    latents.push_back(at::cat({direction.push(directions), moment.push(moments)}, 1));
    first += count;
    if (progress && !progress(i + 1, latent_frames)) {
      throw Interrupted("[world::encode_cameras] stopped by the progress callback");
    }
  }
  return at::cat(latents, 2);
}

at::Tensor encode_whole(const RayVideo& rays, std::int64_t frames, const VideoVae& vae, const VaeOptions& options) {
  const auto [directions, moments] = rays.frames(0, frames);
  return at::cat({vae.encode(directions, part_of(options, 0, 2)), vae.encode(moments, part_of(options, 1, 2))}, 1);
}

at::Tensor encode_view(const Rig& view, std::int64_t frames, const WorldConfig& config, const VideoVae& vae,
                       const VaeOptions& options) {
  const RayVideo rays(view, config.moment_scale);
  const auto* wan = dynamic_cast<const WanVae*>(&vae);
  if (wan != nullptr && !options.tiling) {
    return encode_streaming(rays, vae.latent_frames(frames), *wan, options.progress);
  }
  return encode_whole(rays, frames, vae, options);
}

}  // namespace

Rig in_camera_frame(const Rig& rig, const WorldConfig& config) {
  if (config.camera_reference == CameraReference::world) return rig;
  Eigen::Affine3d frame_from_world = rig[0].camera_from_world();
  if (is_mirrored(rig[0]) != (config.camera_axes == RayAxes::mirrored)) {
    frame_from_world.matrix().topRows<2>() *= -1.0;  // half a turn about the line of sight
  }
  std::vector<std::vector<Camera>> views(rig.size());
  for (std::size_t view = 0; view < rig.size(); ++view) {
    for (std::size_t time = 0; time < rig.frames(); ++time) {
      const Camera& camera = rig.camera(view, time);
      Eigen::Affine3d pose = frame_from_world * camera.world_from_camera();
      pose.linear() = detail::nearest_rotation(pose.linear());  // float32 poses: two small errors would add up
      views[view].push_back(camera.moved_to(pose.matrix()));
    }
  }
  return Rig::moving(views);
}

at::Tensor encode_cameras(const Rig& rig, std::int64_t frames, const WorldConfig& config, const VideoVae& vae,
                          const VaeOptions& options) {
  check_frames(rig, static_cast<std::size_t>(frames), where);
  const Rig seen = in_camera_frame(rig, config);
  const bool groups_alone = dynamic_cast<const PatchVae*>(&vae) != nullptr;
  const std::int64_t encoded = groups_alone && !rig.is_moving() ? 1 : frames;
  const std::vector<std::size_t> firsts = first_equals(seen);
  const auto distinct = static_cast<std::int64_t>(std::set<std::size_t>(firsts.begin(), firsts.end()).size());
  std::vector<at::Tensor> latents;
  std::int64_t done = 0;
  for (std::size_t view = 0; view < seen.size(); ++view) {
    const bool again = firsts[view] != view;
    latents.push_back(again ? latents[firsts[view]]
                            : encode_view(one_view(seen, view), encoded, config, vae, part_of(options, done, distinct)));
    if (!again) ++done;
  }
  return at::cat(latents).transpose(1, 2).contiguous();
}

}  // namespace action_images
