// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <action_images/sample/flow_match.hpp>
#include <action_images/tensor/prefix.hpp>
#include <action_images/vae/patch_vae.hpp>
#include <action_images/world/model_folder.hpp>
#include <action_images/world/network.hpp>
#include <action_images/world/world_model.hpp>

namespace action_images::testing {

inline std::string tokenizer_path() { return std::string(ACTION_IMAGES_MODELS) + "/embedded/tokenizer.model"; }

/// A world model of a few thousand weights; 32x32 pixels, 5 frames, every extra on.
inline WorldConfig tiny_config() {
  return world_config_from_json(nlohmann::json::parse(R"({
    "name": "tiny", "views": 0, "frames": 5, "height": 32, "width": 32, "prediction": "sample_residual",
    "unknown_first_action": "generate", "time_positions": "joint", "condition_channels": true,
    "sampling": {"steps": 2, "shift": 3.0, "guidance": 1.0},
    "codec": {"convention": "paper", "sigma": 2.0},
    "tokenizer": {"length": 16, "lower_case": true, "clean_instructions": true},
    "transformer": {"dim": 24, "in_dim": 38, "ffn_dim": 32, "out_dim": 12, "text_dim": 16, "freq_dim": 16, "num_heads": 2,
                    "num_layers": 2, "camera_channels": 24, "camera_pool": [12, 2, 2], "image_stem": [4, 6, 8],
                    "pooled_text_modulation": true},
    "text_encoder": {"vocab": 160, "dim": 16, "dim_attn": 16, "dim_ffn": 24, "num_heads": 2, "num_layers": 1,
                     "num_buckets": 8},
    "vae": {"kind": "patch", "channels": 12}})"));
}

/// The model with random weights; output and camera layers are random too, so that nothing is trivially zero.
inline ModelFolder tiny_model(const WorldConfig& config = tiny_config()) {
  ModelFolder model{config, {}, tokenizer_path()};
  WorldNetwork network(config);
  network.initialize(7);
  model.tensors = network.state();
  std::uint64_t seed = 1;
  for (auto& [name, tensor] : model.tensors) {
    const bool zero = name.find("head.head") != std::string::npos || name.find("cam_encoder") != std::string::npos;
    if (zero) tensor = 0.1 * seeded_noise(tensor.sizes(), ++seed);
  }
  PatchVaeFit fit(patch_vae_config(config.vae));
  fit.add(at::tanh(seeded_noise({4, 3, 5, 32, 32}, 3)));
  model.tensors.merge(with_prefix(fit.solve(12).parameters().state(), "vae."));
  return model;
}

/// Cameras around the origin, 0.8 m away.
inline Rig tiny_rig(int views, int size = 32) {
  std::vector<Camera> cameras;
  Eigen::Matrix3d intrinsics;
  intrinsics << 1.2 * size, 0, 0.5 * size, 0, 1.2 * size, 0.5 * size, 0, 0, 1;
  for (int view = 0; view < views; ++view) {
    const Eigen::Affine3d pose = Eigen::AngleAxisd(0.7 * view, Eigen::Vector3d::UnitY()) * Eigen::Translation3d(0, 0, -0.8);
    cameras.emplace_back(intrinsics, pose.matrix(), size, size);
  }
  return Rig(std::move(cameras));
}

inline std::vector<VideoFrames> random_pictures(int views, int size = 32, int frames = 1) {
  std::vector<VideoFrames> pictures;
  for (int view = 0; view < views; ++view) {
    VideoFrames picture{std::vector<std::uint8_t>(static_cast<std::size_t>(frames) * size * size * 3), frames, size, size, 0};
    std::uint32_t state = 12345u + static_cast<std::uint32_t>(view);
    for (auto& value : picture.rgb) value = static_cast<std::uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
    pictures.push_back(std::move(picture));
  }
  return pictures;
}

}  // namespace action_images::testing
