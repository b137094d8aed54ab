// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/network.hpp>

#include <utility>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>
#include <action_images/tensor/prefix.hpp>

namespace action_images {
namespace {

// The camera latents of every packed latent frame, [B, T, 2C, h, w].
at::Tensor cameras_of(const WorldInputs& inputs) {
  const at::Tensor camera = inputs.camera.dim() == 5 ? inputs.camera.unsqueeze(2) : inputs.camera;
  const at::Tensor& video = inputs.video;
  check_shape(camera.dim() == 6 && camera.size(1) == video.size(1) && (camera.size(2) == 1 || camera.size(2) == video.size(3)),
              "world::WorldNetwork::prepare", "camera",
              text_of("(B, ", video.size(1), ", 1 or ", video.size(3), ", 2 C, h, w)"), inputs.camera.sizes());
  const bool still = camera.size(2) == 1;
  std::vector<at::Tensor> cameras;
  for (const auto& [view, stream, frame] : inputs.packing.frames()) {
    cameras.push_back(camera.select(1, view).select(1, still ? 0 : frame));
  }
  return at::stack(cameras, 1);
}

}  // namespace

WorldNetwork::WorldNetwork(const WorldConfig& config)
    : config_(config), transformer_(config.transformer), text_encoder_(config.text) {}

WorldNetwork::WorldNetwork(const WorldConfig& config, WanTransformer transformer)
    : config_(config), transformer_(std::move(transformer)) {
  const nlohmann::json expected = wan_config_json(config.transformer), got = wan_config_json(transformer_.config());
  check(expected == got, "world::WorldNetwork", "transformer", expected.dump(), got.dump());
}

const UMT5Encoder& WorldNetwork::text_encoder() const {
  check(text_encoder_.has_value(), "world::WorldNetwork::text_encoder", "network", "one with a text encoder",
        "one that takes states");
  return *text_encoder_;
}

TensorMap WorldNetwork::state() const {
  TensorMap state = with_prefix(transformer_.parameters().state(), "transformer.");
  if (text_encoder_) state.merge(with_prefix(text_encoder_->parameters().state(), "text_encoder."));
  return state;
}

void WorldNetwork::load(const TensorMap& tensors) {
  transformer_.parameters().load(without_prefix(tensors, "transformer."));
  if (text_encoder_) text_encoder_->parameters().load(without_prefix(tensors, "text_encoder."));
}

void WorldNetwork::initialize(std::uint64_t seed) {
  transformer_.parameters().initialize(seed);
  if (text_encoder_) text_encoder_->parameters().initialize(seed + 1);
}

void WorldNetwork::to(at::ScalarType dtype) {
  transformer_.parameters().to(dtype);
  if (text_encoder_) text_encoder_->parameters().to(dtype);
}

void WorldNetwork::requires_grad(bool on) {
  transformer_.parameters().requires_grad(on);
  if (text_encoder_) text_encoder_->parameters().requires_grad(on);
}

at::Tensor WorldNetwork::encode_text(const WorldInputs& inputs) const {
  if (inputs.text.defined()) return inputs.text;
  check(text_encoder_.has_value(), "world::WorldNetwork::prepare", "text", "states of the prompts", "none");
  const auto device = text_encoder_->parameters().named().front().second.device();
  const at::Tensor mask = inputs.text_mask.to(device);
  const at::Tensor states = text_encoder_->encode(inputs.text_ids.to(device), mask);
  return states * mask.to(states.scalar_type()).unsqueeze(2);  // padding rows are zero, as Wan's pipeline has it
}

at::Tensor WorldNetwork::condition_channels(const WorldInputs& inputs, const at::Tensor& given) const {
  const at::Tensor unknown = at::zeros_like(inputs.video.select(1, 0).select(2, 0));
  const at::Tensor plane = at::ones_like(unknown.narrow(1, 0, 1));
  const auto given_frames = given.flatten();
  std::vector<at::Tensor> frames;
  for (std::int64_t i = 0; i < inputs.packing.size(); ++i) {
    const auto& [view, stream, frame] = inputs.packing.frames()[i];
    const bool action_known = inputs.action.defined() && inputs.first_action_known;
    const at::Tensor first_video = inputs.video.select(1, view).select(2, 0);
    const at::Tensor first_action = action_known ? inputs.action.select(1, view).select(2, 0) : unknown;
    const double is_given = given_frames[i].item<bool>() ? 1.0 : 0.0;
    const double is_action = stream == Stream::action ? 1.0 : 0.0;
    frames.push_back(at::cat({plane * is_given, first_video, first_action, plane * is_action}, 1));
  }
  return at::stack(frames, 2);
}

at::Tensor WorldNetwork::residual_base(const WorldInputs& inputs) const {
  std::vector<at::Tensor> frames;
  for (const auto& [view, stream, frame] : inputs.packing.frames()) {
    const at::Tensor first_video = inputs.video.select(1, view).select(2, 0);
    if (stream == Stream::video) {
      frames.push_back(first_video);
    } else {
      const bool known = inputs.first_action_known;
      frames.push_back(known ? inputs.action.select(1, view).select(2, 0) : at::zeros_like(first_video));
    }
  }
  return at::stack(frames, 2);
}

WorldConditions WorldNetwork::prepare(const WorldInputs& inputs) const {
  const Packing& packing = inputs.packing;
  WorldConditions conditions;
  const at::Tensor mask = packing.clean_mask(inputs.task, inputs.first_action_known, inputs.given_views).to(inputs.video.device());
  conditions.given = mask.view({1, 1, -1, 1, 1});
  // With no action latents at all (a plan without a known first action) the places of the actions start as zeros.
  const at::Tensor action =
      inputs.action.defined() || !packing.has_actions() ? inputs.action : at::zeros_like(inputs.video);
  WorldInputs full = inputs;
  full.action = action;
  conditions.clean = at::where(conditions.given, packing.gather(inputs.video, action), 0.0F);
  if (config_.condition_channels) conditions.channels = condition_channels(full, mask);
  if (config_.prediction == Prediction::sample_residual) conditions.base = residual_base(full);

  WanInputs wan;
  wan.text = encode_text(inputs);
  if (inputs.camera.defined()) {
    wan.camera = cameras_of(inputs);
  }
  if (inputs.first_frames.defined()) {
    std::vector<at::Tensor> pictures;
    for (const std::int64_t view : packing.views()) pictures.push_back(inputs.first_frames.select(1, view));
    wan.first_frames = at::stack(pictures, 1);
  }
  wan.time_positions = packing.time_positions(config_.time_positions);
  wan.grid = {packing.size(), inputs.video.size(4), inputs.video.size(5)};
  conditions.wan = transformer_.prepare(wan);
  conditions.forward = {.checkpoint = inputs.checkpoint, .offload = inputs.checkpoint_offload};
  return conditions;
}

at::Tensor WorldNetwork::run(const at::Tensor& noisy, const at::Tensor& sigma, const WorldConditions& conditions) const {
  at::Tensor latents = at::where(conditions.given, conditions.clean, noisy);
  if (conditions.channels.defined()) latents = at::cat({latents, conditions.channels}, 1);
  return transformer_.forward(latents, sigma * 1000.0, conditions.wan, conditions.forward).to(noisy.device(), at::kFloat);
}

at::Tensor WorldNetwork::predict_sample(const at::Tensor& noisy, const at::Tensor& sigma,
                                        const WorldConditions& conditions) const {
  const at::Tensor output = run(noisy, sigma, conditions);
  switch (config_.prediction) {
    case Prediction::sample: return output;
    case Prediction::sample_residual: return output + conditions.base;
    default: return noisy - sigma.view({-1, 1, 1, 1, 1}) * output;
  }
}

at::Tensor WorldNetwork::predict_velocity(const at::Tensor& noisy, const at::Tensor& sigma,
                                          const WorldConditions& conditions) const {
  if (config_.prediction == Prediction::velocity) return run(noisy, sigma, conditions);
  return (noisy - predict_sample(noisy, sigma, conditions)) / sigma.view({-1, 1, 1, 1, 1});
}

}  // namespace action_images
