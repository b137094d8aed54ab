// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <action_images/codec/action.hpp>
#include <action_images/codec/array.hpp>
#include <action_images/vae/tiling.hpp>
#include <action_images/world/sampler_options.hpp>
#include <action_images/world/task.hpp>

namespace action_images {

class ActionHead;

/// Which picture the pixels of view actions are of.
enum class PixelsOf {
  given,  ///< "given": the pictures as the caller gives them; they go through the crop and resize with them
  model,  ///< "model": the model's own pictures, as the release's --view1_action
};

/// @throws ValueError unless the name is "given" or "model".
PixelsOf pixels_of_from_name(std::string_view name);

/// Actions as each view sees them, without a pose: rows [red x, red y, green x, green y, blue x, blue y, openness].
struct ViewActions {
  /// (V, 1, 7) or (V, T, 7) [px], origin top left, x right, y down, the top-left pixel's centre at (0.5, 0.5) (in the
  /// release's convention at its index, 0); NaN pairs are not drawn. Which points green and blue are is the convention's.
  PixelActions pixels = PixelActions::from_shape({0, 0, 7});
  PixelsOf pixels_of = PixelsOf::given;

  bool empty() const { return pixels.size() == 0; }
};

/// Called while a generation runs, with a stage ("pictures", "actions", "cameras", "sample", "video" or
/// "action_images") and how much of it is done: latent frames, or denoising steps. Returning false stops.
using StageProgress = std::function<bool(std::string_view stage, std::int64_t done, std::int64_t total)>;

/// What WorldModel::generate is asked for. What is not given is the model's, from its config.
struct GenerateOptions {
  Task task = Task::i2va;
  Trajectory actions{};                  ///< a2v: the T actions to simulate
  std::optional<Action> first_action{};  ///< where the gripper is in the first pictures, if known (i2va, v2a, i2a)
  /// Instead of `actions` (a2v; one row stands for all frames) or of `first_action` (the first row counts).
  ViewActions view_actions{};
  std::vector<std::int64_t> action_views{};  ///< i2a: views whose action images are made, rising; empty: all

  std::int64_t frames = 0;           ///< T = 4k + 1; 0: of the actions, videos or moving rig given, or the model's
  int steps = 0;                     ///< denoising steps; 0: the model's
  std::optional<double> guidance{};  ///< classifier-free guidance scale, 1: none
  std::optional<double> shift{};     ///< of the schedule
  std::optional<std::string> negative_prompt{};  ///< "wan": wan_negative_prompt
  std::uint64_t seed = 0;

  std::optional<SolverKind> solver{};
  std::optional<double> guidance_rescale{};
  std::optional<SigmaInterval> guidance_interval{};
  std::optional<StepCacheKind> step_cache{};
  std::optional<double> step_cache_threshold{};
  std::optional<double> sigma_min{};
  std::optional<bool> extra_one_step{};
  std::optional<Tiling> tiling{};  ///< the VAE works on tiles of its latents; not given: on whole pictures

  /// Corrects the decoded actions (i2va, v2a, i2a); none: they stay as decoded.
  std::shared_ptr<const ActionHead> action_head{};

  /// Called after every denoising step with (done, steps); returning false throws Interrupted.
  std::function<bool(int, int)> progress{};
  /// Called in every stage; returning false throws Interrupted.
  StageProgress stage_progress{};
};

}  // namespace action_images
