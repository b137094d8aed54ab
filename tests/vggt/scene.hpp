// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <unistd.h>

#include <action_images/vggt/vggt.hpp>

namespace action_images::testing {

/// A VGGT of a few thousand weights that takes pictures of 28 x 28 pixels.
inline VggtConfig tiny_vggt_config() {
  VggtConfig config{.img_size = 28,
                    .patch = 14,
                    .embed = 16,
                    .heads = 2,
                    .dino_depth = 1,
                    .depth = 4,
                    .reg = 2,
                    .cam_depth = 1,
                    .cam_heads = 2,
                    .features = 8,
                    .out_channels = {4, 8, 8, 8},
                    .taps = {0, 1, 2, 3}};
  return config;
}

/// Random weights, and fields of view of about 60 degrees.
inline TensorMap tiny_vggt_tensors(const VggtConfig& config = tiny_vggt_config()) {
  Vggt network(config);
  network.parameters().initialize(3);
  TensorMap tensors;
  for (const auto& [name, tensor] : network.parameters().state()) tensors.emplace(name, tensor.clone());
  tensors.at("camera_head.pose_branch.fc2.weight") *= 0.01;
  at::Tensor& bias = tensors.at("camera_head.pose_branch.fc2.bias");
  bias[6] = 0.25;  // w of the quaternion; there are four iterations
  bias[7] = 0.26;
  bias[8] = 0.26;
  return tensors;
}

/// Pictures of noise.
inline std::vector<at::Tensor> noise_pictures(int count, std::int64_t height = 28, std::int64_t width = 28) {
  std::vector<at::Tensor> pictures;
  at::manual_seed(5);
  for (int i = 0; i < count; ++i) pictures.push_back(at::randint(0, 256, {height, width, 3}, at::kByte));
  return pictures;
}

/// A folder that is gone afterwards.
struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("action_images_vggt_" + std::to_string(::getpid()));
  Folder() {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
  }
  ~Folder() { std::filesystem::remove_all(path); }
};

}  // namespace action_images::testing
