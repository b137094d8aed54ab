// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/Generator.h>
#include <nlohmann/json.hpp>

#include <action_images/world/packing.hpp>
#include <action_images/world/task.hpp>

namespace action_images {

/// What a training sample asks for.
struct TaskDraw {
  Task task = Task::i2va;
  std::int64_t given_views = 0;    ///< of v2a and a2v: only the first so many views' streams are given; 0: all
  bool first_action_known = true;  ///< whether the first action latent is given
  std::int64_t only_view = -1;     ///< of i2a: the sequence has this view alone; -1: all views

  /// The sequence of the sample.
  Packing packing(std::int64_t views, std::int64_t latent_frames) const;
  bool operator==(const TaskDraw&) const = default;
};

/// How often each task is drawn.
///
/// "release": one sample in ten is plain video; of the others, on RLBench one in ten is image to action, and the rest is
/// 90 % joint, 5 % with the first view's video given, 5 % with all video given. "paper": 85 % joint, 5 % each of plain
/// video, labelling and simulation (supplement). Or frequencies by task name, where "v2a_first_view" gives the first
/// view's video. Clips without actions are always plain video.
class TaskMixture {
 public:
  /// @param json  "release", "paper", or {"i2va": 0.9, "v2a": 0.1}. @throws FormatError for anything else.
  static TaskMixture from_json(const nlohmann::json& json);
  explicit TaskMixture(std::map<std::string, double> frequencies);

  /// The relative frequencies for clips of a source. @param source  its layout, such as "rlbench".
  std::map<std::string, double> frequencies(std::string_view source, bool has_actions) const;
  /// One draw; its first_action_known and only_view are left to the caller.
  TaskDraw draw(std::string_view source, bool has_actions, at::Generator& generator) const;
  nlohmann::json json() const;

 private:
  std::string preset_;
  std::map<std::string, double> frequencies_;
};

/// The random numbers of sample `index` of a run, or of a step: the same for any number of processes.
at::Generator sample_generator(std::uint64_t seed, std::int64_t index);
/// Uniform in [0, 1).
double draw_uniform(at::Generator& generator);
/// Uniform in [0, count).
std::int64_t draw_index(std::int64_t count, at::Generator& generator);

}  // namespace action_images
