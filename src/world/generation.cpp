// SPDX-License-Identifier: Apache-2.0
#include "generation.hpp"

#include <chrono>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <action_images/core/version.hpp>
#include <action_images/tensor/array.hpp>
#include <action_images/world/conditioning.hpp>
#include <action_images/world/pictures.hpp>
#include <action_images/world/sampling.hpp>

namespace action_images {
namespace {

constexpr std::string_view where = "world::WorldModel::generate";
constexpr std::int64_t max_frames = 1025;

// Seconds since the last call.
class Stopwatch {
 public:
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    return std::round(seconds * 1e4) / 1e4;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

// A gripper far outside every picture: its action image shows no point. The release writes 100 for each number.
Trajectory unseen_actions(std::int64_t frames) {
  return Trajectory(static_cast<std::size_t>(frames), Action{Eigen::Vector3d::Constant(100.0), Eigen::Vector3d::Zero(), 1.0});
}

}  // namespace

Generation::Generation(const WorldModel& model, const std::vector<VideoFrames>& views, std::string prompt, const Rig& rig,
                       const GenerateOptions& options)
    : model_(model),
      config_(model.config()),
      options_(options),
      prompt_(std::move(prompt)),
      rig_(rig.center_crop_resize(static_cast<int>(config_.height), static_cast<int>(config_.width))),
      inputs_{.packing = Packing::joint(1, 1)} {
  const at::NoGradGuard no_gradients;
  Stopwatch watch;
  check_options(views);
  encode_prompt();
  pictures_ = fitted_pictures(views, rig, rig_.height(), rig_.width());
  encode(views);
  timings_["encode"] = watch.lap();
}

void Generation::check_options(const std::vector<VideoFrames>& views) {
  const auto count = static_cast<std::int64_t>(views.size());
  check<ShapeError>(config_.views == 0 || count == config_.views, where, "images",
                    text_of(config_.views, ", the views that the model was trained with"), count);
  options_.frames = resolve_frames(views);
  if (options_.steps == 0) options_.steps = config_.steps;
  check(options_.steps >= 1 && options_.steps <= 10000, where, "steps", "1..10000", options_.steps);
  options_.guidance = options_.guidance.value_or(config_.guidance);
  check(std::isfinite(*options_.guidance) && *options_.guidance >= 0, where, "guidance", "a number >= 0", *options_.guidance);
  options_.shift = options_.shift.value_or(config_.shift);
  check(std::isfinite(*options_.shift) && *options_.shift > 0, where, "shift", "a positive number", *options_.shift);
  options_.negative_prompt = options_.negative_prompt.value_or(config_.negative_prompt);
  const bool follows_text = !config_.empty_prompts && (options_.task == Task::i2va || options_.task == Task::i2v);
  check(!follows_text || prompt_.find_first_not_of(" \t\r\n") != std::string::npos, where, "prompt", "an instruction",
        "an empty text");
  check(options_.task == Task::a2v || options_.actions.empty(), where, "actions",
        text_of("none for task ", name_of(options_.task), " (give first_action instead)"),
        text_of(options_.actions.size(), " actions"));
  if (options_.first_action) check_trajectory({*options_.first_action}, where);
}

std::int64_t Generation::resolve_frames(const std::vector<VideoFrames>& views) const {
  std::int64_t frames = options_.frames == 0 ? config_.frames : options_.frames;
  const auto agree = [&](const char* argument, std::int64_t given) {
    check_shape(options_.frames == 0 || given == options_.frames, where, argument, text_of(options_.frames, " frames"), {given});
    frames = given;
  };
  if (options_.task == Task::a2v) {
    check(!options_.actions.empty(), where, "actions", "a trajectory for task a2v", "none");
    agree("actions", static_cast<std::int64_t>(options_.actions.size()));
  }
  if (options_.task == Task::v2a && !views.empty()) agree("videos", views.front().frames);
  const auto stride = model_.vae().temporal_stride();
  check<ShapeError>(frames >= 1 + stride && frames <= max_frames && frames % stride == 1, where, "frames",
                    text_of(stride, "k + 1, from ", stride + 1, " to ", max_frames), frames);
  for (std::size_t view = 0; view < views.size() && options_.task != Task::v2a; ++view) {
    check_shape(views[view].frames == 1, where, text_of("images[", view, "]"), "one picture", {views[view].frames});
  }
  return frames;
}

void Generation::encode_prompt() {
  const bool guided = *options_.guidance != 1.0;
  std::vector<std::string> prompts{prompt_};
  if (guided) prompts.push_back(*options_.negative_prompt);
  const at::Tensor states = model_.encode_prompts(prompts);
  inputs_.text = states.narrow(0, 0, 1);
  if (guided) negative_text_ = states.narrow(0, 1, 1);
}

void Generation::encode(const std::vector<VideoFrames>& views) {
  const VideoVae& vae = model_.vae();
  const auto latent_frames = vae.latent_frames(options_.frames);
  const auto count = static_cast<std::int64_t>(views.size());
  inputs_.packing = Packing::of(options_.task, count, latent_frames);
  inputs_.task = options_.task;
  const at::Tensor given = vae.encode(normalized_from_pixels(pictures_)).unsqueeze(0);
  // Latent frames that are not given hold zeros until they are generated.
  inputs_.video = at::zeros({1, count, given.size(2), latent_frames, given.size(4), given.size(5)}, at::kFloat);
  inputs_.video.narrow(3, 0, given.size(3)).copy_(given);
  if (inputs_.packing.has_actions()) encode_known_actions();
  if (config_.transformer.camera_channels > 0) inputs_.camera = encode_cameras(rig_, config_, vae).unsqueeze(0);
  if (!config_.transformer.image_stem.empty()) {
    inputs_.first_frames = normalized_from_pixels(pictures_.narrow(1, 0, 1)).select(2, 0).unsqueeze(0);
  }
}

void Generation::encode_known_actions() {
  Trajectory known = options_.actions;
  if (options_.task == Task::a2v) {
    check_trajectory(known, where);
    drawn_ = pixels_from_normalized(draw_actions(known, rig_, config_));
  } else if (options_.first_action) {
    known = Trajectory(static_cast<std::size_t>(options_.frames), *options_.first_action);
  } else if (config_.unknown_first_action == UnknownFirstAction::empty) {
    known = unseen_actions(options_.frames);
  }
  inputs_.first_action_known = !known.empty();
  inputs_.action = known.empty() ? at::zeros_like(inputs_.video)
                                 : encode_actions(known, rig_, config_, model_.vae()).unsqueeze(0);
}

at::Tensor Generation::sample() const {
  const SampleOptions options{.steps = options_.steps,
                        .shift = *options_.shift,
                        .guidance = *options_.guidance,
                        .negative = {},
                        .negative_text = negative_text_,
                        .seed = options_.seed,
                        .progress = options_.progress};
  return sample_latents(model_.network(), inputs_, options);
}

void Generation::read_actions(Rollout& rollout) const {
  Decoded decoded = decode(rollout.action_images, rig_, decode_options(config_));
  rollout.actions = std::move(decoded.actions);
  rollout.points = std::move(decoded.points);
  rollout.confidence = std::move(decoded.confidence);
}

nlohmann::json Generation::settings() const {
  return {{"model", config_.name},
          {"version", version},
          {"task", name_of(options_.task)},
          {"prompt", prompt_},
          {"negative_prompt", *options_.negative_prompt},
          {"seed", options_.seed},
          {"steps", options_.steps},
          {"guidance", *options_.guidance},
          {"shift", *options_.shift},
          {"views", rig_.size()},
          {"frames", options_.frames},
          {"height", rig_.height()},
          {"width", rig_.width()},
          {"convention", config_.codec.convention == Convention::paper ? "paper" : "release"},
          {"first_action_known", inputs_.first_action_known && options_.task != Task::i2v}};
}

Rollout Generation::run() {
  const at::NoGradGuard no_gradients;
  Stopwatch watch;
  const at::Tensor latents = sample();
  timings_["sample"] = watch.lap();

  const bool video_given = options_.task == Task::v2a;
  const auto generated = [&](Stream stream) { return decode_stream(latents, inputs_.packing, stream, model_.vae()); };
  const at::Tensor video = video_given ? pictures_ : generated(Stream::video);
  const auto shape = video.sizes();
  at::Tensor actions = at::empty({shape[0], 0, shape[2], shape[3], 3}, at::kByte);
  if (inputs_.packing.has_actions()) actions = drawn_.defined() ? drawn_ : generated(Stream::action);
  Rollout rollout{.task = options_.task,
                  .prompt = prompt_,
                  .rig = rig_,
                  .video = to_array<std::uint8_t, 5>(video),
                  .action_images = to_array<std::uint8_t, 5>(actions),
                  .actions = {},
                  .points = xt::xtensor<double, 3>::from_shape({0, 3, 3}),
                  .confidence = {},
                  .settings = settings(),
                  .timings = {}};
  timings_["decode_latents"] = watch.lap();
  if (rollout.has_actions()) read_actions(rollout);
  timings_["decode_actions"] = watch.lap();
  rollout.timings = timings_;
  return rollout;
}

}  // namespace action_images
