// SPDX-License-Identifier: Apache-2.0
#include <action_images/tensor/codec.hpp>

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <action_images/codec/decode.hpp>
#include <action_images/tensor/array.hpp>

#include "../codec/scenes.hpp"

using namespace action_images;

namespace {

constexpr double millimetre = 1e-3;

template <typename Pixel>
at::Tensor pixels_of(const Images<Pixel>& images) {
  Images<Pixel> copy(images);
  return to_tensor(std::move(copy));
}

at::Tensor tensor_of(const Trajectory& actions) {
  ActionMatrix rows = matrix_from_trajectory(actions);
  return at::from_blob(rows.data(), {rows.rows(), 7}, at::kDouble).clone();
}

/// The tensors of one clip as what the codec decodes.
Trajectory trajectory_of(const TensorDecoded& decoded) {
  const at::Tensor rows = decoded.actions.to(at::kDouble).contiguous();
  return trajectory_from_matrix(Eigen::Map<const ActionMatrix>(rows.const_data_ptr<double>(), rows.size(0), 7));
}

test::Errors errors_of(const TensorDecoded& decoded, const Trajectory& actions, bool binary) {
  Decoded plain(actions.size(), 1);
  plain.actions = trajectory_of(decoded);
  return test::errors_of(plain, actions, binary);
}

double largest_distance(const TensorDecoded& decoded, const Decoded& expected) {
  const Trajectory actions = trajectory_of(decoded);
  double largest = 0.0;
  for (std::size_t t = 0; t < actions.size(); ++t) {
    largest = std::max(largest, (actions[t].position - expected.actions[t].position).norm());
  }
  return largest;
}

Rig with_lens(const Rig& rig, LensModel model, const std::vector<double>& coefficients) {
  std::vector<Camera> cameras;
  for (const Camera& camera : rig) {
    cameras.emplace_back(camera.intrinsics(), camera.world_from_camera().matrix(), camera.width(), camera.height(),
                         Distortion(model, coefficients));
  }
  return Rig(cameras);
}

}  // namespace

TEST_CASE("tensors are read as the codec reads them, within 0.02 mm, at every size and number of views") {
  for (const int size : {64, 160, 512}) {
    for (const int views : {2, 3, 5}) {
      if (size == 512 && views > 2) continue;
      const Rig rig = test::rig_around(views, size, views == 3 ? -1.0 : 1.0);
      const Trajectory actions = test::random_motion(4, static_cast<unsigned>(size + views));
      for (const Convention convention : {Convention::paper, Convention::release}) {
        const auto images = encode(actions, rig, {.convention = convention});
        const Decoded expected = decode(images, rig, {.convention = convention});
        const TensorDecoded decoded = decode_tensor(pixels_of(images), TensorRig(rig), {.convention = convention});
        CAPTURE(size);
        CAPTURE(views);
        CHECK(decoded.valid.all().item<bool>());
        CHECK(largest_distance(decoded, expected) < 0.02 * millimetre);
        const auto errors = errors_of(decoded, actions, convention == Convention::release);
        CHECK(errors.mean_position < 0.02 * millimetre);
        CHECK(errors.rotation < 0.002);
        CHECK(errors.openness < 0.01);
        CHECK(decoded.confidence.min().item<double>() > 0.95);
      }
    }
  }
}

TEST_CASE("decoding drawn tensors is the identity, through every lens and for moving cameras and batches") {
  const Rig still = test::rig_around(2, 64);
  std::vector<std::vector<Camera>> moving(2);
  for (int t = 0; t < 4; ++t) moving[0].push_back(test::camera_around(0.1 * t, 64));
  moving[1].push_back(test::camera_around(1.9, 64));
  const Trajectory actions = test::random_motion(8, 4);
  const at::Tensor batch = tensor_of(actions).view({2, 4, 7});
  for (const Rig& rig : {still, with_lens(still, LensModel::brown_conrady, {0.1, -0.05, 0.002, -0.001, 0.01}),
                         with_lens(still, LensModel::fisheye, {0.02, -0.01, 0.003, 0.0}), Rig::moving(moving)}) {
    const TensorRig cameras(rig);
    const TensorDecoded decoded = decode_tensor(encode_tensor(batch, cameras), cameras);
    CHECK(decoded.actions.sizes() == batch.sizes());
    CHECK(decoded.pixels.sizes() == at::IntArrayRef({2, 4, 3, 2, 2}));
    CHECK((decoded.actions - batch).narrow(-1, 0, 3).abs().max().item<double>() < 0.01 * millimetre);
    CHECK((decoded.points - action_points(batch)).abs().max().item<double>() < 0.01 * millimetre);
    CHECK((decoded.actions - batch).select(-1, 6).abs().max().item<double>() < 1e-5);
  }
}

TEST_CASE("pixel noise costs no more than it costs the codec") {
  const Rig rig = test::rig_around(2, 160);
  const Trajectory actions = test::random_motion(12, 31);
  for (const double levels : {2.0, 8.0}) {
    auto images = encode(actions, rig);
    test::add_noise(images, levels);
    const auto expected = test::errors_of(decode(images, rig), actions, false);
    const auto errors = errors_of(decode_tensor(pixels_of(images), TensorRig(rig)), actions, false);
    CAPTURE(levels);
    CHECK(errors.mean_position < 1.5 * expected.mean_position + 0.02 * millimetre);
    CHECK(errors.openness < expected.openness + 0.02);
  }
}

TEST_CASE("a view that contradicts the others is left out") {
  const Rig rig = test::rig_around(4, 96);
  const Trajectory actions = test::random_motion(3, 6);
  const Trajectory wrong = test::random_motion(3, 60);
  auto images = encode(actions, rig);
  const auto false_images = encode(wrong, rig);
  std::copy_n(view_of(false_images).frame(1, 0), 3 * 96 * 96 * 3, view_of(images).frame(1, 0));
  const TensorDecoded decoded = decode_tensor(pixels_of(images), TensorRig(rig));
  CHECK(errors_of(decoded, actions, false).mean_position < 0.1 * millimetre);
  CHECK_FALSE(decoded.used.select(-1, 1).any().item<bool>());
  CHECK(decoded.used.select(-1, 0).all().item<bool>());
}

TEST_CASE("one view needs a depth or a plane, and then reads as the codec does") {
  const Rig rig = test::rig_around(1, 128);
  const Trajectory actions{{{0.02, -0.01, 0.1}, {0.3, 0.2, -0.4}, 1.0}};
  const auto images = encode(actions, rig);
  CHECK_THROWS_AS(decode_tensor(pixels_of(images), TensorRig(rig)), ValueError);
  const TensorDecoded decoded = decode_tensor(pixels_of(images), TensorRig(rig), {.plane = {{0.0, 0.0, 1.0, -0.1}}});
  CHECK(errors_of(decoded, actions, false).mean_position < 0.2 * millimetre);
  const Decoded expected = decode(images, rig, {.depth = 0.7});
  const TensorDecoded at_depth = decode_tensor(pixels_of(images), TensorRig(rig), {.depth = 0.7});
  CHECK(largest_distance(at_depth, expected) < 0.02 * millimetre);
}

TEST_CASE("a black frame has confidence 0 and spoils no other") {
  const TensorRig rig(test::rig_around(2, 64));
  at::Tensor images = encode_tensor(tensor_of(test::random_motion(3, 9)), rig);
  images.select(1, 1).zero_();
  const TensorDecoded decoded = decode_tensor(images, rig);
  CHECK(at::equal(decoded.valid, at::tensor({1, 0, 1}).to(at::kBool)));
  CHECK(decoded.confidence[1].item<double>() == 0.0);
  CHECK(decoded.actions[1].narrow(0, 0, 6).isnan().all().item<bool>());
  CHECK(at::isfinite(decoded.actions[0]).all().item<bool>());
}

TEST_CASE("images that are not the rig's are named") {
  const TensorRig rig(test::rig_around(2, 32));
  CHECK_THROWS_WITH_AS(decode_tensor(at::zeros({2, 3, 32, 16, 3}), rig),
                       "[tensor::decode_tensor] images: expected (..., 2, T, 32, 32, 3), got (2, 3, 32, 16, 3)",
                       ShapeError);
  CHECK_THROWS_AS(decode_tensor(at::zeros({2, 3, 32, 32, 3}, at::kInt), rig), ValueError);
  CHECK_THROWS_AS(decode_tensor(at::zeros({2, 0, 32, 32, 3}), rig), ShapeError);
}
