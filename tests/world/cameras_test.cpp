// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/cameras.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <action_images/core/interrupted.hpp>
#include <action_images/vae/wan_vae.hpp>

#include "tiny_model.hpp"

using namespace action_images;
using namespace action_images::testing;

namespace {

WorldConfig config_of(RayAxes axes, CameraReference reference = CameraReference::first_view) {
  WorldConfig config = tiny_config();
  config.camera_axes = axes;
  config.camera_reference = reference;
  return config;
}

const VideoVae& patch_vae() {
  static const WorldModel tiny(tiny_model());
  return tiny.vae();
}

const WanVae& tiny_wan_vae() {
  static const WanVae vae = [] {
    WanVaeConfig config = wan_vae_preset("2.1");
    config.dim = config.dec_dim = 6;
    config.z_dim = 4;
    config.num_res_blocks = 1;
    config.mean = {0.1, -0.2, 0.3, 0.4};
    config.std = {0.5, 1.0, 2.0, 0.25};
    WanVae made(config);
    made.parameters().initialize(3);
    return made;
  }();
  return vae;
}

// Two cameras of which the first turns about the scene, frame by frame.
Rig turning_rig(int frames) {
  std::vector<Camera> turning;
  for (int t = 0; t < frames; ++t) {
    const Eigen::Affine3d turn(Eigen::AngleAxisd(0.1 * t, Eigen::Vector3d::UnitY()));
    turning.push_back(tiny_rig(1)[0].moved_to((turn * tiny_rig(1)[0].world_from_camera()).matrix()));
  }
  return Rig::moving({turning, {tiny_rig(2)[1]}});
}

// Direction and moment of the ray of a pixel, written out: rel = inv(E_0) E, d = R K^-1 (x, y, 1), m = o x d.
Eigen::Matrix<double, 6, 1> ray_of(const Eigen::Matrix4d& reference, const Camera& camera, double x, double y) {
  const Eigen::Matrix4d relative = reference.inverse() * camera.world_from_camera().matrix();
  const Eigen::Vector3d direction =
      (relative.topLeftCorner<3, 3>() * camera.intrinsics().inverse() * Eigen::Vector3d(x, y, 1)).normalized();
  Eigen::Matrix<double, 6, 1> ray;
  ray << direction, relative.topRightCorner<3, 1>().cross(direction);
  return ray;
}

Eigen::Matrix<double, 6, 1> ray_of(const Camera& camera, double x, double y) {
  return ray_of(Eigen::Matrix4d::Identity(), camera, x, y);
}

at::Tensor patch_latents(const Rig& rig, const WorldConfig& config) {
  return encode_cameras(rig, 5, config, patch_vae());
}

}  // namespace

TEST_CASE("cameras are conditioned relative to the first view: moving the world changes nothing") {
  const WorldConfig config = tiny_config();
  const Rig rig = tiny_rig(2);
  const Eigen::Affine3d motion =
      Eigen::Translation3d(0.3, -2.0, 1.0) * Eigen::AngleAxisd(1.1, Eigen::Vector3d(1, 2, 3).normalized());
  std::vector<Camera> moved;
  for (const Camera& camera : rig) moved.push_back(camera.moved_to((motion * camera.world_from_camera()).matrix()));
  CHECK(at::allclose(patch_latents(rig, config), patch_latents(Rig(moved), config), 1e-4, 1e-5));
  const WorldConfig world = config_of(RayAxes::opencv, CameraReference::world);
  CHECK_FALSE(at::allclose(patch_latents(rig, world), patch_latents(Rig(moved), world), 1e-2, 1e-2));
}

TEST_CASE("the form that cameras are written in, with positive or negative focal lengths, changes nothing") {
  const Rig rig = tiny_rig(3);
  const Rig mixed({rig[0].mirrored(), rig[1], rig[2].mirrored()});
  for (const RayAxes axes : {RayAxes::opencv, RayAxes::mirrored}) {
    for (const CameraReference reference : {CameraReference::first_view, CameraReference::world}) {
      const WorldConfig config = config_of(axes, reference);
      const at::Tensor expected = patch_latents(rig, config);
      CHECK(at::allclose(patch_latents(rig.mirrored(), config), expected, 1e-5, 1e-6));
      CHECK(at::allclose(patch_latents(mixed, config), expected, 1e-5, 1e-6));
    }
  }
}

TEST_CASE("mirrored axes are those of the release's training, OpenCV's those of its inference") {
  const Rig rig = tiny_rig(2);
  const Rig mirrored = rig.mirrored();
  for (std::size_t view = 0; view < 2; ++view) {
    // Training: all poses in the negative form, relative to the first of them.
    const auto training = ray_of(mirrored[0].world_from_camera().matrix(), mirrored[view], 7.5, 20.5);
    CHECK((ray_of(in_camera_frame(rig, config_of(RayAxes::mirrored))[view], 7.5, 20.5) - training).norm() < 1e-9);
    // Inference: the first estimated camera is the frame, and only then the form is changed.
    const auto inference = ray_of(rig[0].world_from_camera().matrix(), mirrored[view], 7.5, 20.5);
    CHECK((ray_of(in_camera_frame(rig, config_of(RayAxes::opencv))[view], 7.5, 20.5) - inference).norm() < 1e-9);
    CHECK((training.head<2>() + inference.head<2>()).norm() < 1e-9);
    CHECK(std::abs(training[2] - inference[2]) < 1e-9);
  }
}

TEST_CASE("cameras that stand still give the same latents in every frame, and the linear VAE gives them once") {
  const WorldConfig config = tiny_config();
  const at::Tensor still = patch_latents(tiny_rig(2), config);
  CHECK(still.sizes() == at::IntArrayRef{2, 1, 24, 4, 4});
  const std::vector<Camera> first(5, tiny_rig(2)[0]), second(5, tiny_rig(2)[1]);
  const at::Tensor repeated = patch_latents(Rig::moving({first, second}), config);
  CHECK(repeated.sizes() == at::IntArrayRef{2, 2, 24, 4, 4});
  CHECK(at::allclose(repeated, still.expand_as(repeated), 1e-4, 1e-5));
}

TEST_CASE("a camera that moves is seen in the latents of its frames only, by the linear VAE") {
  const WorldConfig config = tiny_config();
  const at::Tensor latents = encode_cameras(turning_rig(9), 9, config, patch_vae());
  CHECK(latents.sizes() == at::IntArrayRef{2, 3, 24, 4, 4});
  CHECK_FALSE(at::allclose(latents[0][0], latents[0][2], 1e-2, 1e-2));
  CHECK(
      at::allclose(latents[1][0], latents[1][2], 1e-4, 1e-5));  // relative to the first frame's camera it stands still
}

TEST_CASE("streamed through Wan's VAE, cameras have the latents of their whole videos") {
  const at::NoGradGuard no_gradients;
  const WorldConfig config = tiny_config();
  for (const Rig& rig : {turning_rig(9), tiny_rig(2)}) {
    const at::Tensor latents = encode_cameras(rig, 9, config, tiny_wan_vae());
    REQUIRE(latents.sizes() == at::IntArrayRef{2, 3, 8, 4, 4});
    const Rig seen = in_camera_frame(rig, config);
    for (std::size_t view = 0; view < 2; ++view) {
      at::Tensor rays = at::empty({1, 6, 9, 32, 32});
      auto values = rays.accessor<float, 5>();
      for (int t = 0; t < 9; ++t) {
        for (int y = 0; y < 32; ++y) {
          for (int x = 0; x < 32; ++x) {
            auto ray = ray_of(seen.camera(view, static_cast<std::size_t>(t)), x + 0.5, y + 0.5);
            ray.tail<3>() /= config.moment_scale;
            for (int i = 0; i < 6; ++i) values[0][i][t][y][x] = static_cast<float>(ray[i]);
          }
        }
      }
      const at::Tensor expected =
          at::cat({tiny_wan_vae().encode(rays.narrow(1, 0, 3)), tiny_wan_vae().encode(rays.narrow(1, 3, 3))}, 1)[0]
              .transpose(0, 1);
      CHECK(at::allclose(latents[static_cast<std::int64_t>(view)], expected, 1e-4, 1e-4));
    }
  }
}

TEST_CASE("views with equal cameras are encoded once") {
  const at::NoGradGuard no_gradients;
  const Camera camera = tiny_rig(1)[0];
  std::int64_t calls = 0, last = 0;
  const VaeOptions counting{.progress = [&](std::int64_t done, std::int64_t total) {
    last = total - done;
    return ++calls > 0;
  }};
  const at::Tensor latents = encode_cameras(Rig({camera, camera, camera}), 9, tiny_config(), tiny_wan_vae(), counting);
  CHECK(calls == 3);
  CHECK(last == 0);
  CHECK(latents[2].equal(latents[0]));
}

TEST_CASE("encoding cameras can be stopped, and cameras of other frames are refused") {
  const at::NoGradGuard no_gradients;
  const VaeOptions stopping{.progress = [](std::int64_t, std::int64_t) { return false; }};
  CHECK_THROWS_AS(encode_cameras(tiny_rig(2), 5, tiny_config(), tiny_wan_vae(), stopping), Interrupted);
  CHECK_THROWS_AS(encode_cameras(tiny_rig(2), 5, tiny_config(), patch_vae(), stopping), Interrupted);
  CHECK_THROWS_WITH_AS(encode_cameras(turning_rig(9), 5, tiny_config(), patch_vae()),
                       "[world::encode_cameras] rig: expected cameras that stand still, or those of 5 frames, got "
                       "cameras of 9",
                       ValueError);
}
