// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>

#include "network.hpp"

namespace action_images::vggt {

namespace {

constexpr double eps = 1e-5;
constexpr double modulated_eps = 1e-6;
constexpr std::int64_t numbers = 9;         // translation, quaternion, fields of view
constexpr std::int64_t fields_of_view = 7;  // where they begin

BlockOptions options_of(const VggtConfig& config) { return {.dim = 2 * config.embed, .heads = config.cam_heads}; }

// A field of view is not negative.
at::Tensor activated(const at::Tensor& pose) {
  return at::cat({pose.narrow(-1, 0, fields_of_view), pose.narrow(-1, fields_of_view, numbers - fields_of_view).relu()},
                 -1);
}

}  // namespace

CameraHead declare_camera_head(const Scope& scope, const VggtConfig& config) {
  const std::int64_t dim = 2 * config.embed;
  CameraHead head;
  for (std::int64_t i = 0; i < config.cam_depth; ++i) {
    head.trunk.push_back(declare_block(scope / "trunk" / i, options_of(config)));
  }
  head.token_norm = nn::declare_layer_norm(scope / "token_norm", dim);
  head.trunk_norm = nn::declare_layer_norm(scope / "trunk_norm", dim);
  head.empty_pose_tokens = scope.parameter("empty_pose_tokens", {1, 1, numbers}, Init::zeros);
  head.embed_pose = nn::declare_linear(scope / "embed_pose", numbers, dim);
  head.modulation = nn::declare_linear(scope / "poseLN_modulation" / 1, dim, 3 * dim);
  head.fc1 = nn::declare_linear(scope / "pose_branch" / "fc1", dim, dim / 2);
  head.fc2 = nn::declare_linear(scope / "pose_branch" / "fc2", dim / 2, numbers);
  return head;
}

std::vector<at::Tensor> run_camera_head(const CameraHead& head, const VggtConfig& config, const at::Tensor& tokens,
                                        std::int64_t iterations) {
  const at::Tensor token = norm(tokens, eps, head.token_norm);
  const at::Tensor normed = nn::layer_norm(token, modulated_eps);
  at::Tensor sum;  // of the corrections, not activated
  std::vector<at::Tensor> poses;
  for (std::int64_t i = 0; i < iterations; ++i) {
    const at::Tensor last = sum.defined() ? sum : head.empty_pose_tokens.expand({token.size(0), token.size(1), -1});
    const auto parts = project(head.modulation, at::silu(project(head.embed_pose, last))).chunk(3, -1);
    at::Tensor x = at::addcmul(token, parts[2], nn::modulate(normed, parts[0], parts[1]));
    for (const Block& block : head.trunk) x = run_block(block, options_of(config), x);
    const at::Tensor correction = project(head.fc2, at::gelu(project(head.fc1, norm(x, eps, head.trunk_norm))));
    sum = sum.defined() ? sum + correction : correction;
    poses.push_back(activated(sum));
  }
  return poses;
}

}  // namespace action_images::vggt
