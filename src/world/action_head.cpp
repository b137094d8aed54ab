// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/action_head.hpp>

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <action_images/core/check.hpp>

#include "action_head_frame.hpp"

namespace action_images {
namespace {

constexpr std::int64_t position_size = 3, rotation_size = 6;
constexpr double norm_eps = 1e-5;

// Widths of what the MLP reads of a latent frame and of a frame.
std::int64_t latent_features(const ActionHeadConfig& config) {
  return config.views * 2 * (config.channels * config.latent_pool * config.latent_pool + 1);
}
std::int64_t phases(const ActionHeadConfig& config) { return config.temporal_stride + 1; }
std::int64_t state_features(const ActionHeadConfig& config) {
  return config.views * camera_size + 3 * decoded_size + phases(config) + 1;
}

void check_inputs(const ActionHeadInputs& inputs, const ActionHeadConfig& config) {
  constexpr const char* where = "world::ActionHead::forward";
  const at::Tensor& decoded = inputs.decoded;
  check_shape(decoded.dim() == 3 && decoded.size(1) > 0 && decoded.size(2) == decoded_size &&
                  (decoded.size(1) - 1) % config.temporal_stride == 0,
              where, "decoded", text_of("(B, ", config.temporal_stride, " k + 1, ", decoded_size, ")"),
              decoded.sizes());
  const std::int64_t batch = decoded.size(0), frames = decoded.size(1);
  const at::IntArrayRef cameras = inputs.cameras.sizes(), latents = inputs.latents.sizes();
  const std::array<std::int64_t, 3> of_cameras{batch, frames, config.views * camera_size};
  const std::array<std::int64_t, 3> of_latents{batch, 1 + (frames - 1) / config.temporal_stride,
                                               latent_features(config)};
  check_shape(cameras == at::IntArrayRef(of_cameras), where, "cameras", shape_text(of_cameras), cameras);
  check_shape(latents == at::IntArrayRef(of_latents), where, "latents", shape_text(of_latents), latents);
}

// The decoded actions of each frame, of the one before and of the one after.
at::Tensor with_neighbours(const at::Tensor& decoded) {
  const std::int64_t last = decoded.size(1) - 1;
  const at::Tensor before = at::cat({decoded.narrow(1, 0, 1), decoded.narrow(1, 0, last)}, 1);
  const at::Tensor after = at::cat({decoded.narrow(1, 1, last), decoded.narrow(1, last, 1)}, 1);
  return at::cat({before, decoded, after}, 2);
}

// Where in its latent frame a frame is, as one-hot, and where in the clip, 0..1. (B, T, phases + 1)
at::Tensor times(const at::Tensor& decoded, const ActionHeadConfig& config) {
  const std::int64_t frames = decoded.size(1);
  const at::Tensor index = at::arange(frames, decoded.options().dtype(at::kLong));
  const at::Tensor phase = at::where(index.eq(0), 0, (index - 1).remainder(config.temporal_stride) + 1);
  const at::Tensor one_hot = phase.unsqueeze(1).eq(at::arange(phases(config), index.options()));
  const at::Tensor progress = index.unsqueeze(1) / static_cast<double>(std::max<std::int64_t>(frames - 1, 1));
  return at::cat({one_hot.to(decoded.scalar_type()), progress.to(decoded.scalar_type())}, 1)
      .expand({decoded.size(0), -1, -1});
}

// Rotations (..., 3, 3) of two columns (..., 6) by Gram-Schmidt.
at::Tensor rotation_of_columns(const at::Tensor& columns) {
  const auto normalized = [](const at::Tensor& x) { return x / x.norm(2, {-1}, /*keepdim=*/true).clamp_min(1e-8); };
  const at::Tensor first = normalized(columns.narrow(-1, 0, 3));
  const at::Tensor other = columns.narrow(-1, 3, 3);
  const at::Tensor second = normalized(other - (first * other).sum(-1, /*keepdim=*/true) * first);
  return at::stack({first, second, at::cross(first, second, -1)}, -1);
}

}  // namespace

ActionHead::ActionHead(const ActionHeadConfig& config, Parameters parameters)
    : config_(config), parameters_(std::move(parameters)) {
  check_action_head_config(config_);
  const Scope root(parameters_);
  latents_ = nn::declare_linear(root / "latents", latent_features(config_), config_.hidden);
  state_ = nn::declare_linear(root / "state", state_features(config_), config_.hidden);
  for (std::int64_t i = 0; i < config_.layers; ++i) {
    const Scope layer = root / "layers" / i;
    layers_.push_back({nn::declare_layer_norm(layer / "norm", config_.hidden),
                       nn::declare_linear(layer / "in", config_.hidden, config_.hidden),
                       nn::declare_linear(layer / "out", config_.hidden, config_.hidden)});
  }
  norm_ = nn::declare_layer_norm(root / "norm", config_.hidden);
  out_ = nn::declare_linear(root / "out", config_.hidden, position_size + rotation_size + 1, {.init = Init::zeros});
  parameters_.finish();
}

ActionHeadPoses ActionHead::forward(const ActionHeadInputs& inputs) const {
  check_inputs(inputs, config_);
  const at::TensorOptions type = out_.weight.options();
  const at::Tensor decoded = inputs.decoded.to(type);
  const std::int64_t stride = config_.temporal_stride;
  // Frame 0 is in latent frame 0, frames 1 .. stride in latent frame 1, and so on.
  const at::Tensor frame = at::arange(decoded.size(1), type.dtype(at::kLong));
  const at::Tensor latent_frame = (frame + (stride - 1)).floor_divide(stride);
  const at::Tensor state = at::cat({inputs.cameras.to(type), with_neighbours(decoded), times(decoded, config_)}, 2);
  at::Tensor x = nn::linear(latents_, inputs.latents.to(type)).index_select(1, latent_frame);
  x = x + nn::linear(state_, state);
  for (const Layer& layer : layers_) {
    x = x + nn::linear(layer.out, at::gelu(nn::linear(layer.in, nn::layer_norm(x, norm_eps, layer.norm))));
  }
  const at::Tensor change = nn::linear(out_, nn::layer_norm(x, norm_eps, norm_));
  const at::Tensor identity = at::tensor({1.0F, 0.0F, 0.0F, 0.0F, 1.0F, 0.0F}, type);
  const at::Tensor turned = rotation_of_columns(change.narrow(2, 3, 6) + identity);
  return {.position = decoded.narrow(2, 0, 3) + config_.position_scale * change.narrow(2, 0, 3),
          .rotation = at::matmul(rotation_of_columns(decoded.narrow(2, 3, 6)), turned),
          .openness = decoded.select(2, 9) + change.select(2, 9)};
}

Trajectory ActionHead::predict(const ActionHeadClip& clip) const {
  const at::NoGradGuard no_gradients;
  const ActionHeadPoses poses = forward(action_head_inputs(clip, config_));
  const Eigen::Affine3d world_from_frame = action_head_frame(clip.rig);
  const auto values = [](const at::Tensor& tensor) { return tensor[0].to(at::kCPU, at::kDouble).contiguous(); };
  const at::Tensor position = values(poses.position), rotation = values(poses.rotation);
  const at::Tensor openness = values(poses.openness);
  Trajectory actions(clip.decoded.size());
  for (std::size_t t = 0; t < actions.size(); ++t) {
    const Eigen::Map<const Eigen::Vector3d> p(position.const_data_ptr<double>() + 3 * t);
    const Eigen::Map<const Eigen::Matrix<double, 3, 3, Eigen::RowMajor>> r(rotation.const_data_ptr<double>() + 9 * t);
    actions[t] = {world_from_frame * p, euler_from_rotation(world_from_frame.linear() * r),
                  std::clamp(openness.const_data_ptr<double>()[t], 0.0, 1.0)};
  }
  return actions;
}

at::Tensor action_head_loss(const ActionHeadPoses& predicted, const ActionHeadPoses& wanted, double position_scale,
                            const ActionHeadLossWeights& weights) {
  constexpr const char* where = "world::action_head_loss";
  const auto fits = [](const at::Tensor& a, const at::Tensor& b, const char* name) {
    check_shape(a.sizes() == b.sizes(), where, name, shape_text(a.sizes()), b.sizes());
  };
  fits(predicted.position, wanted.position, "position");
  fits(predicted.rotation, wanted.rotation, "rotation");
  fits(predicted.openness, wanted.openness, "openness");
  return weights.position * at::smooth_l1_loss(predicted.position / position_scale, wanted.position / position_scale) +
         weights.rotation * at::mse_loss(predicted.rotation, wanted.rotation) +
         weights.openness * at::mse_loss(predicted.openness, wanted.openness);
}

}  // namespace action_images
