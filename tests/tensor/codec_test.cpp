// SPDX-License-Identifier: Apache-2.0
#include <action_images/tensor/codec.hpp>

#include <cmath>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <action_images/codec/decode.hpp>
#include <action_images/tensor/array.hpp>

#include "../codec/scenes.hpp"

using namespace action_images;

namespace {

constexpr Convention conventions[] = {Convention::paper, Convention::release};

at::Tensor tensor_of(const Trajectory& actions) {
  ActionMatrix rows = matrix_from_trajectory(actions);
  return at::from_blob(rows.data(), {rows.rows(), 7}, at::kDouble).clone();
}

at::Tensor pixels_of(const Images<float>& images) {
  Images<float> copy(images);
  return to_tensor(std::move(copy));
}

double largest(const at::Tensor& values) { return values.abs().max().item<double>(); }

Rig with_lens(const Rig& rig, LensModel model, const std::vector<double>& coefficients) {
  std::vector<Camera> cameras;
  for (const Camera& camera : rig) {
    cameras.emplace_back(camera.intrinsics(), camera.world_from_camera().matrix(), camera.width(), camera.height(),
                         cameras.empty() ? Distortion{} : Distortion(model, coefficients));
  }
  return Rig(cameras);
}

Rig moving_rig(int frames) {
  std::vector<std::vector<Camera>> views(2);
  for (int t = 0; t < frames; ++t) views[0].push_back(test::camera_around(0.1 * t, 64));
  views[1].push_back(test::camera_around(1.9, 64));
  return Rig::moving(views);
}

std::vector<Rig> all_rigs(int frames) {
  const Rig rig = test::rig_around(2, 64);
  return {rig, test::rig_around(3, 48, -1.0),
          with_lens(rig, LensModel::brown_conrady, {0.1, -0.05, 0.002, -0.001, 0.01}),
          with_lens(rig, LensModel::fisheye, {0.02, -0.01, 0.003, 0.0}), moving_rig(frames)};
}

/// Largest difference of a derivative, in float64, from the central difference along a random direction.
double derivative_error(const at::Tensor& input, const auto& function) {
  at::Tensor variable = input.detach().clone().requires_grad_(true);
  const at::Tensor weights = at::linspace(-1.0, 1.0, function(variable).numel(), at::kDouble).sin();
  const auto loss = [&](const at::Tensor& value) { return (function(value).flatten() * weights).sum(); };
  loss(variable).backward();
  const at::Tensor direction = at::linspace(0.3, 2.1, input.numel(), at::kDouble).cos().view(input.sizes());
  const double step = 1e-6;
  const at::Tensor difference = loss(input + step * direction) - loss(input - step * direction);
  const double expected = difference.item<double>() / (2.0 * step);
  const at::Tensor along = (variable.grad() * direction).sum();
  const double got = along.item<double>();
  return std::abs(got - expected) / (1.0 + std::abs(expected));
}

}  // namespace

TEST_CASE("tensors are drawn with the codec's pixels, for every convention, lens, sign of focal length and motion") {
  const Trajectory actions = test::random_motion(4, 21);
  for (const Rig& rig : all_rigs(4)) {
    for (const Convention convention : conventions) {
      const at::Tensor expected = pixels_of(encode<float>(actions, rig, {.convention = convention}));
      const at::Tensor precise = encode_tensor(tensor_of(actions), TensorRig(rig), {.convention = convention});
      CHECK((precise.scalar_type() == at::kDouble));
      CHECK(precise.sizes() == expected.sizes());
      // A response beside the background's level may fall on either side of it.
      CHECK(largest(precise - expected) < 1e-5);
      const at::Tensor single =
          encode_tensor(tensor_of(actions).to(at::kFloat), TensorRig(rig), {.convention = convention});
      CHECK((single.scalar_type() == at::kFloat));
      CHECK((single - expected).abs().gt(1e-5).sum().item<int>() <= 2);
    }
  }
}

TEST_CASE("a batch of trajectories is drawn as each of them") {
  const TensorRig rig(test::rig_around(2, 32));
  const at::Tensor actions = tensor_of(test::random_motion(6, 5)).view({2, 1, 3, 7});
  const at::Tensor images = encode_tensor(actions, rig, {.sigma = 2.0});
  CHECK(images.sizes() == at::IntArrayRef({2, 1, 2, 3, 32, 32, 3}));
  CHECK(at::equal(images[1][0], encode_tensor(actions[1][0], rig, {.sigma = 2.0})));
}

TEST_CASE("a point behind a camera is not drawn and has no gradient") {
  const TensorRig rig(test::rig_around(1, 32));
  at::Tensor actions = at::zeros({1, 7}, at::kDouble);
  actions.narrow(1, 0, 3).copy_(at::tensor({5.0, 0.0, 5.0}, at::kDouble));
  actions.requires_grad_(true);
  const at::Tensor images = encode_tensor(actions, rig);
  CHECK(largest(images.detach()) == 0.0);
  images.sum().backward();
  CHECK(largest(actions.grad().narrow(1, 0, 6)) == 0.0);
}

TEST_CASE("the gradients of actions and cameras are those of finite differences, through every lens") {
  at::Tensor actions = tensor_of(test::random_motion(3, 8));
  actions.select(1, 6).fill_(0.5);
  for (const Rig& given : all_rigs(3)) {
    const TensorRig rig(given);
    CHECK(derivative_error(actions,
                           [&](const at::Tensor& value) { return encode_tensor(value, rig, {.sigma = 4.0}); }) < 1e-4);
    CHECK(derivative_error(rig.intrinsics, [&](const at::Tensor& value) {
            return encode_tensor(actions,
                                 {value, rig.world_from_camera, rig.height, rig.width, rig.distortion, rig.fisheye});
          }) < 1e-4);
    CHECK(derivative_error(rig.world_from_camera, [&](const at::Tensor& value) {
            return encode_tensor(actions, {rig.intrinsics, value, rig.height, rig.width, rig.distortion, rig.fisheye});
          }) < 1e-4);
  }
}

TEST_CASE("what cannot be drawn is named") {
  const TensorRig rig(test::rig_around(2, 32));
  const at::Tensor actions = at::zeros({3, 7});
  CHECK_THROWS_WITH_AS(encode_tensor(at::zeros({3, 6}), rig),
                       "[tensor::encode_tensor] actions: expected (..., T, 7), got (3, 6)", ShapeError);
  CHECK_THROWS_AS(encode_tensor(at::zeros({3, 7}, at::kInt), rig), ValueError);
  CHECK_THROWS_AS(encode_tensor(actions, rig, {.sigma = 0.0}), ValueError);
  CHECK_THROWS_AS(encode_tensor(actions, TensorRig(moving_rig(4))), ShapeError);
  CHECK_THROWS_AS(encode_tensor(actions, {at::zeros({2, 3}), rig.world_from_camera, 8, 8}), ShapeError);
  CHECK_THROWS_AS(encode_tensor(actions, {rig.intrinsics, rig.world_from_camera.narrow(0, 0, 1), 8, 8}), ShapeError);
  CHECK_THROWS_AS(encode_tensor(actions, {rig.intrinsics, rig.world_from_camera, 0, 8}), ValueError);
}
