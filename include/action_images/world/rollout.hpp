// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <nlohmann/json.hpp>

#include <action_images/codec/action.hpp>
#include <action_images/codec/array.hpp>
#include <action_images/codec/rig.hpp>
#include <action_images/world/task.hpp>

namespace action_images {

/// What a world model generated. V views (i2a: those of its action images), T frames, H x W pixels of the model's size.
struct Rollout {
  Task task;
  std::string prompt;
  Rig rig;                              ///< the cameras of the generated pictures
  Images<std::uint8_t> video;           ///< (V, T, H, W, 3); i2a, which makes none: the given pictures, (V, 1, H, W, 3)
  Images<std::uint8_t> action_images;   ///< (V, T, H, W, 3); T = 0 for i2v
  Trajectory actions;                   ///< T decoded actions; empty for i2v; of one view NaN, unless they were given
  xt::xtensor<double, 3> points;        ///< (T, 3, 3) decoded position, normal, up in world [m]; (0, 3, 3) for i2v
  std::vector<double> confidence;       ///< T, 0..1; 0: not decodable, interpolated
  nlohmann::json settings;  ///< model, task, prompt, seed, steps, solver, ..., and how many steps were evaluated, reused
  nlohmann::json timings;               ///< seconds of each stage
  at::Tensor latents{};  ///< (C, T_l, h, w) float32: what was sampled and given, in the order of the Packing

  bool has_actions() const { return action_images.shape()[1] > 0; }

  /// Writes into a folder, which is created: view_N_video.mp4, view_N_action.mp4 and view_N_panel.mp4
  /// ([video | action | blend]) of every view, trajectory.csv and rollout.json; no trajectory if no frame can be decoded,
  /// no video where none was made.
  /// Each file appears complete or not at all.
  /// @throws FormatError naming what cannot be written.
  void save(const std::filesystem::path& folder) const;
};

}  // namespace action_images
