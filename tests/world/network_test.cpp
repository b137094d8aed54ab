// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/network.hpp>

#include <doctest/doctest.h>

#include <action_images/sample/flow_match.hpp>
#include <action_images/world/conditioning.hpp>
#include <action_images/world/instruction.hpp>
#include <action_images/world/pictures.hpp>
#include <action_images/world/sampling.hpp>

#include "tiny_model.hpp"

using namespace action_images;
using namespace action_images::testing;

namespace {

WorldNetwork network_of(const WorldConfig& config) {
  WorldNetwork network(config);
  network.load(tiny_model(config).tensors);
  return network;
}

WorldInputs random_inputs(Task task) {
  WorldInputs inputs{.packing = Packing::of(task, 2, 2), .task = task};
  inputs.video = seeded_noise({3, 2, 12, 2, 4, 4}, 1);
  inputs.action = seeded_noise({3, 2, 12, 2, 4, 4}, 2);
  inputs.camera = seeded_noise({3, 2, 24, 4, 4}, 3);
  inputs.first_frames = seeded_noise({3, 2, 3, 32, 32}, 4);
  const Tokenizer tokenizer(tokenizer_path());
  const TokenizedText text =
      tokenizer.encode(std::vector<std::string>{"reach the red block", "", "grasp the blue cube"}, 16);
  inputs.text_ids = text.ids;
  inputs.text_mask = text.mask;
  return inputs;
}

}  // namespace

TEST_CASE("velocity and sample predictions are two views of one estimate") {
  const at::NoGradGuard no_gradients;
  for (const char* prediction : {"velocity", "sample", "sample_residual"}) {
    nlohmann::json json = json_from(tiny_config());
    json["prediction"] = prediction;
    const WorldNetwork network = network_of(world_config_from_json(json));
    const WorldConditions conditions = network.prepare(random_inputs(Task::i2va));
    const at::Tensor noisy = seeded_noise(conditions.clean.sizes(), 5);
    const at::Tensor sigma = at::tensor({0.9F, 0.5F, 0.2F});
    const at::Tensor sample = network.predict_sample(noisy, sigma, conditions);
    const at::Tensor velocity = network.predict_velocity(noisy, sigma, conditions);
    CHECK(at::allclose(noisy - sigma.view({3, 1, 1, 1, 1}) * velocity, sample, 1e-4, 1e-4));
  }
}

TEST_CASE("a sample does not depend on the others of its batch") {
  const at::NoGradGuard no_gradients;
  const WorldNetwork network = network_of(tiny_config());
  const WorldInputs batch = random_inputs(Task::i2va);
  const at::Tensor noisy = seeded_noise({3, 12, 8, 4, 4}, 5);
  const at::Tensor sigma = at::tensor({0.9F, 0.5F, 0.2F});
  const at::Tensor together = network.predict_sample(noisy, sigma, network.prepare(batch));
  for (std::int64_t i = 0; i < 3; ++i) {
    WorldInputs one = batch;
    for (at::Tensor* tensor :
         {&one.video, &one.action, &one.camera, &one.first_frames, &one.text_ids, &one.text_mask}) {
      *tensor = tensor->narrow(0, i, 1);
    }
    const at::Tensor alone = network.predict_sample(noisy.narrow(0, i, 1), sigma.narrow(0, i, 1), network.prepare(one));
    CHECK(at::allclose(alone, together.narrow(0, i, 1), 1e-4, 1e-5));
  }
}

TEST_CASE("sampling a batch of prompts, guided, gives each sample what it has beside other prompts") {
  const at::NoGradGuard no_gradients;
  const WorldNetwork network = network_of(tiny_config());
  const Tokenizer tokenizer(tokenizer_path());
  const auto sampled = [&](const std::vector<std::string>& prompts) {
    WorldInputs inputs = random_inputs(Task::i2va);
    const TokenizedText text = tokenizer.encode(prompts, 16);
    inputs.text_ids = text.ids;
    inputs.text_mask = text.mask;
    SampleOptions options{.steps = 3};
    options.guidance = 2.0;
    options.negative = tokenizer.encode("blue", 16);
    return sample_latents(network, inputs, options).latents;
  };
  const at::Tensor one = sampled({"reach the red block", "", "grasp the blue cube"});
  const at::Tensor other = sampled({"reach the red block", "grasp the green block", "reach"});
  CHECK(at::allclose(one[0], other[0], 1e-4, 1e-4));
  CHECK_FALSE(at::allclose(one[1], other[1], 1e-3, 1e-3));
}

TEST_CASE("cameras that stand still are the same in every latent frame, however they are given") {
  const at::NoGradGuard no_gradients;
  const WorldNetwork network = network_of(tiny_config());
  WorldInputs inputs = random_inputs(Task::i2va);
  const at::Tensor noisy = seeded_noise({3, 12, 8, 4, 4}, 5), sigma = at::full({3}, 0.7F), still = inputs.camera;
  const auto predicted = [&](const at::Tensor& camera) {
    inputs.camera = camera;
    return network.predict_sample(noisy, sigma, network.prepare(inputs));
  };
  const at::Tensor expected = predicted(still);
  CHECK(predicted(still.unsqueeze(2)).equal(expected));
  CHECK(predicted(still.unsqueeze(2).expand({-1, -1, 2, -1, -1, -1})).equal(expected));
  const at::Tensor moving = at::stack({still, still + 1.0}, 2);
  CHECK_FALSE(at::allclose(predicted(moving), expected, 1e-4, 1e-4));
  CHECK_THROWS_WITH_AS(
      predicted(moving.expand({-1, -1, 2, -1, -1, -1}).narrow(1, 0, 1)),
      "[world::WorldNetwork::prepare] camera: expected (B, 2, 1 or 2, 2 C, h, w), got (3, 1, 2, 24, 4, 4)", ShapeError);
}

TEST_CASE("latents that are not given are never looked at") {
  const at::NoGradGuard no_gradients;
  const WorldNetwork network = network_of(tiny_config());
  WorldInputs inputs = random_inputs(Task::i2va);
  inputs.first_action_known = false;
  const at::Tensor noisy = seeded_noise({3, 12, 8, 4, 4}, 5);
  const at::Tensor sigma = at::full({3}, 0.7F);
  const at::Tensor expected = network.predict_sample(noisy, sigma, network.prepare(inputs));
  inputs.action = at::zeros_like(inputs.action);
  inputs.video = at::cat({inputs.video.narrow(3, 0, 1), at::zeros_like(inputs.video.narrow(3, 1, 1))}, 3);
  CHECK(network.predict_sample(noisy, sigma, network.prepare(inputs)).equal(expected));
}

TEST_CASE("resized pictures keep points where their cameras see them") {
  // A smooth blob whose centroid is known, in pictures whose crop begins at half a pixel.
  const int height = 60, width = 81, target = 40;
  VideoFrames picture{std::vector<std::uint8_t>(height * width * 3), 1, height, width, 0};
  const double u = 45.3, v = 27.9;
  for (int row = 0; row < height; ++row) {
    for (int column = 0; column < width; ++column) {
      const double squared = std::pow(column + 0.5 - u, 2) + std::pow(row + 0.5 - v, 2);
      for (int c = 0; c < 3; ++c)
        picture.rgb[(row * width + column) * 3 + c] =
            static_cast<std::uint8_t>(std::lround(250 * std::exp(-squared / 50)));
    }
  }
  Eigen::Matrix3d intrinsics;
  intrinsics << 70, 0, 40.5, 0, 70, 30, 0, 0, 1;
  const Rig rig({Camera(intrinsics, Eigen::Matrix4d::Identity(), width, height)});
  const at::Tensor resized = fitted_pictures({picture}, rig, target, target)[0][0].select(2, 0).to(at::kDouble);
  const at::Tensor grid = at::arange(target, at::kDouble) + 0.5;
  const double total = resized.sum().item<double>();
  const Eigen::Vector2d centroid((resized.sum(0) * grid).sum().item<double>() / total,
                                 (resized.sum(1) * grid).sum().item<double>() / total);
  const Eigen::Vector3d point = rig[0].point_at_depth({u, v}, 1.0).value();
  CHECK((rig.center_crop_resize(target, target)[0].project(point).value() - centroid).norm() < 0.02);
}

TEST_CASE("a config survives JSON, and unknown or wrong keys are refused by name") {
  const nlohmann::json json = json_from(tiny_config());
  CHECK(json_from(world_config_from_json(json)) == json);
  const auto refused = [&](const char* key, const nlohmann::json& value, const char* part) {
    nlohmann::json wrong = json;
    wrong[key] = value;
    try {
      world_config_from_json(wrong);
      FAIL("accepted ", key);
    } catch (const ValueError& error) {
      CHECK_MESSAGE(std::string(error.what()).find(part) != std::string::npos, error.what());
    }
  };
  refused("colour", "red", "colour");
  refused("frames", 8, "frames");
  refused("frames", "nine", "frames");
  refused("prediction", "noise", "velocity, sample, sample_residual");
  refused("format", "other", "format");
}

TEST_CASE("instructions are cleaned as the release does") {
  CHECK(clean_instruction("pick_up the  red block.") == "pick up the red block");
  CHECK(clean_instruction(" . ").empty());
}
