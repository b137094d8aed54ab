// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/tasks.hpp>

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

namespace action_images {
namespace {

constexpr const char* where = "train::TaskMixture";
constexpr const char* first_view_name = "v2a_first_view";

TaskDraw draw_named(const std::string& name) {
  if (name == first_view_name) return {.task = Task::v2a, .given_views = 1};
  return {.task = task_from_name(name)};
}

}  // namespace

Packing TaskDraw::packing(std::int64_t views, std::int64_t latent_frames) const {
  if (only_view >= 0) return Packing::image_to_action({only_view}, latent_frames);
  return Packing::of(task, views, latent_frames);
}

TaskMixture::TaskMixture(std::map<std::string, double> frequencies) : frequencies_(std::move(frequencies)) {
  double total = 0.0;
  for (const auto& [name, frequency] : frequencies_) {
    if (name != first_view_name) task_from_name(name);
    check<FormatError>(frequency >= 0, where, name, "a frequency >= 0", frequency);
    total += frequency;
  }
  check<FormatError>(total > 0, where, "tasks", "at least one task with a positive frequency", total);
}

TaskMixture TaskMixture::from_json(const nlohmann::json& json) {
  if (json == "release") {
    TaskMixture mixture({{"i2va", 1.0}});
    mixture.preset_ = "release";
    return mixture;
  }
  if (json == "paper") {
    TaskMixture mixture({{"i2va", 0.85}, {"i2v", 0.05}, {"v2a", 0.05}, {"a2v", 0.05}});
    mixture.preset_ = "paper";
    return mixture;
  }
  const bool numbers = json.is_object() && std::all_of(json.begin(), json.end(), [](const auto& value) { return value.is_number(); });
  check<FormatError>(numbers, where, "tasks", R"("release", "paper" or frequencies by task)", json.dump());
  return TaskMixture(json.get<std::map<std::string, double>>());
}

nlohmann::json TaskMixture::json() const { return preset_.empty() ? nlohmann::json(frequencies_) : nlohmann::json(preset_); }

std::map<std::string, double> TaskMixture::frequencies(std::string_view source, bool has_actions) const {
  if (!has_actions) return {{"i2v", 1.0}};
  if (preset_ != "release") return frequencies_;
  const double image_to_action = source == "rlbench" ? 0.9 * 0.1 : 0.0;
  const double rest = 0.9 - image_to_action;
  return {{"i2v", 0.1}, {"i2a", image_to_action}, {"i2va", 0.9 * rest}, {first_view_name, 0.05 * rest}, {"v2a", 0.05 * rest}};
}

TaskDraw TaskMixture::draw(std::string_view source, bool has_actions, at::Generator& generator) const {
  const std::map<std::string, double> choices = frequencies(source, has_actions);
  double total = 0.0;
  for (const auto& [name, frequency] : choices) total += frequency;
  double rest = draw_uniform(generator) * total;
  for (const auto& [name, frequency] : choices) {
    rest -= frequency;
    if (rest < 0) return draw_named(name);
  }
  return draw_named(choices.rbegin()->first);
}

at::Generator sample_generator(std::uint64_t seed, std::int64_t index) {
  // splitmix64, so that neighbouring samples draw unrelated numbers.
  std::uint64_t mixed = seed * 0x9E3779B97F4A7C15ULL + static_cast<std::uint64_t>(index) + 0x9E3779B97F4A7C15ULL;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ULL;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
  return at::detail::createCPUGenerator(mixed ^ (mixed >> 31));
}

double draw_uniform(at::Generator& generator) { return at::rand({}, generator, at::kDouble).item<double>(); }

std::int64_t draw_index(std::int64_t count, at::Generator& generator) {
  return std::min(static_cast<std::int64_t>(draw_uniform(generator) * static_cast<double>(count)), count - 1);
}

}  // namespace action_images
