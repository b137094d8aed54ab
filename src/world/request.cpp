// SPDX-License-Identifier: Apache-2.0
#include "request.hpp"

#include <cmath>

#include <action_images/core/check.hpp>
#include <action_images/world/action_head.hpp>
#include <action_images/world/negative_prompt.hpp>

namespace action_images {
namespace {

constexpr std::string_view where = "world::WorldModel::generate";
constexpr std::int64_t max_frames = 1025;

// Gathers the frame counts that a request implies; they have to agree.
class FrameCount {
 public:
  explicit FrameCount(std::int64_t asked) : frames_(asked) {}

  void agree(const char* argument, std::int64_t given) {
    check_shape(frames_ == 0 || given == frames_, where, argument, text_of(frames_, " frames"), {given});
    frames_ = given;
  }

  void agree_with(const Rig& rig) {
    if (!rig.is_moving()) return;
    const auto given = static_cast<std::int64_t>(rig.frames());
    check(frames_ == 0 || given == frames_, where, "rig",
          text_of("cameras that stand still, or those of ", frames_, " frames"), text_of("cameras of ", given));
    frames_ = given;
  }

  std::int64_t value_or(std::int64_t otherwise) const { return frames_ == 0 ? otherwise : frames_; }

 private:
  std::int64_t frames_;
};

void check_actions(const GenerateOptions& options) {
  const std::string_view task = name_of(options.task);
  check(options.task == Task::a2v || options.actions.empty(), where, "actions",
        text_of("none for task ", task, " (give first_action instead)"), text_of(options.actions.size(), " actions"));
  const bool some = !options.actions.empty() || !options.view_actions.empty();
  check(options.task != Task::a2v || some, where, "actions", "a trajectory for task a2v", "none");
  check_trajectory(options.actions, where);
  if (options.first_action) check_trajectory({*options.first_action}, where);
  if (options.view_actions.empty()) return;
  check(options.task != Task::i2v, where, "view_actions", "none for task i2v", "some");
  check(options.actions.empty() && !options.first_action, where, "view_actions", "none beside actions or first_action",
        "both");
}

void check_action_views(const std::vector<std::int64_t>& views, Task task, std::int64_t count) {
  check(task == Task::i2a || views.empty(), where, "action_views", text_of("none for task ", name_of(task)),
        text_of(views.size(), " views"));
  for (std::size_t i = 0; i < views.size(); ++i) {
    const std::int64_t least = i == 0 ? 0 : views[i - 1] + 1;
    check(views[i] >= least && views[i] < count, where, text_of("action_views[", i, ']'),
          text_of("a rising view within 0..", count - 1), views[i]);
  }
}

}  // namespace

std::int64_t resolve_frames(const Given& given, const GenerateOptions& options, const WorldConfig& config,
                            const VideoVae& vae) {
  FrameCount count(options.frames);
  if (!options.actions.empty()) count.agree("actions", static_cast<std::int64_t>(options.actions.size()));
  const auto rows = static_cast<std::int64_t>(options.view_actions.pixels.shape()[1]);
  if (options.task == Task::a2v && rows > 1) count.agree("view_actions", rows);
  if (options.task == Task::v2a && !given.views.empty()) count.agree("videos", given.views.front().frames);
  count.agree_with(given.rig);
  const std::int64_t frames = count.value_or(config.frames);
  const auto stride = vae.temporal_stride();
  check<ShapeError>(frames >= 1 + stride && frames <= max_frames && frames % stride == 1, where, "frames",
                    text_of(stride, "k + 1, from ", stride + 1, " to ", max_frames), frames);
  return frames;
}

void check_request(const Given& given, const GenerateOptions& options, const WorldConfig& config) {
  const auto count = static_cast<std::int64_t>(given.views.size());
  check<ShapeError>(config.views == 0 || count == config.views, where, "images",
                    text_of(config.views, ", the views that the model was trained with"), count);
  const bool told = given.prompt.find_first_not_of(" \t\r\n") != std::string::npos;
  check(told || config.empty_prompts || !follows_text(options.task), where, "prompt", "an instruction", "an empty text");
  for (std::size_t view = 0; view < given.views.size() && options.task != Task::v2a; ++view) {
    check_shape(given.views[view].frames == 1, where, text_of("images[", view, "]"), "one picture",
                {given.views[view].frames});
  }
  check_actions(options);
  check_action_views(options.action_views, options.task, count);
}

void check_action_head(const ActionHead& head, Task task, std::size_t views, const VideoVae& vae) {
  const ActionHeadConfig& config = head.config();
  check(task != Task::a2v && task != Task::i2v, where, "action_head", "none for a task that generates no actions",
        name_of(task));
  const auto agrees = [](const char* of, std::int64_t wanted, std::int64_t got) {
    check(wanted == got, where, "action_head", text_of("one of ", wanted, ' ', of), got);
  };
  agrees("views", static_cast<std::int64_t>(views), config.views);
  agrees("latent channels", vae.channels(), config.channels);
  agrees("frames a latent frame", vae.temporal_stride(), config.temporal_stride);
}

SampleOptions resolve_sampling(const GenerateOptions& options, const WorldConfig& config) {
  SampleOptions result{.steps = options.steps == 0 ? config.steps : options.steps,
                       .shift = options.shift.value_or(config.shift),
                       .guidance = options.guidance.value_or(config.guidance),
                       .sampler = config.sampler,
                       .seed = options.seed};
  check(result.steps >= 1 && result.steps <= 10000, where, "steps", "1..10000", result.steps);
  check(std::isfinite(result.guidance) && result.guidance >= 0, where, "guidance", "a number >= 0", result.guidance);
  check(std::isfinite(result.shift) && result.shift > 0, where, "shift", "a positive number", result.shift);

  SamplerOptions& sampler = result.sampler;
  // What belongs to another solver or cache than the config's is not taken from the config.
  if (options.solver.value_or(sampler.solver) != sampler.solver) sampler.sigma_min = 0.0, sampler.extra_one_step = true;
  if (options.step_cache.value_or(sampler.step_cache) != sampler.step_cache) sampler.step_cache_threshold.reset();
  sampler.solver = options.solver.value_or(sampler.solver);
  sampler.guidance_rescale = options.guidance_rescale.value_or(sampler.guidance_rescale);
  sampler.guidance_interval = options.guidance_interval.value_or(sampler.guidance_interval);
  sampler.step_cache = options.step_cache.value_or(sampler.step_cache);
  if (options.step_cache_threshold) sampler.step_cache_threshold = options.step_cache_threshold;
  sampler.sigma_min = options.sigma_min.value_or(sampler.sigma_min);
  sampler.extra_one_step = options.extra_one_step.value_or(sampler.extra_one_step);
  check_sampler(sampler, where);
  const bool ends_above_zero = sampler.extra_one_step || sampler.sigma_min > 0.0 || result.steps == 1;
  check(ends_above_zero || config.prediction == Prediction::velocity, where, "extra_one_step",
        "true, or a sigma_min above 0, for a model that predicts samples", "false");
  return result;
}

std::string resolve_negative_prompt(const GenerateOptions& options, const WorldConfig& config) {
  return std::string(negative_prompt_from(options.negative_prompt.value_or(config.negative_prompt)));
}

}  // namespace action_images
