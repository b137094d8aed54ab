// SPDX-License-Identifier: Apache-2.0
#include "generation.hpp"

#include <chrono>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <action_images/codec/decode.hpp>
#include <action_images/core/version.hpp>
#include <action_images/tensor/array.hpp>
#include <action_images/world/action_head.hpp>
#include <action_images/world/cameras.hpp>
#include <action_images/world/conditioning.hpp>
#include <action_images/world/pictures.hpp>

#include "view_actions.hpp"

namespace action_images {
namespace {

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
const Action unseen_action{Eigen::Vector3d::Constant(100.0), Eigen::Vector3d::Zero(), 1.0};

Rig views_of(const Rig& rig, const std::vector<std::int64_t>& views) {
  std::vector<std::vector<Camera>> cameras;
  for (const std::int64_t view : views) {
    auto& of_view = cameras.emplace_back();
    for (std::size_t time = 0; time < rig.frames(); ++time) {
      of_view.push_back(rig.camera(static_cast<std::size_t>(view), time));
    }
  }
  return Rig::moving(cameras);
}

// One view sees no depth, but what was given is known.
Decoded as_given(const Trajectory& actions, double axis_length) {
  Decoded decoded(actions.size(), 1);
  decoded.actions = actions;
  decoded.confidence.assign(actions.size(), 1.0);
  for (std::size_t t = 0; t < actions.size(); ++t) decoded.points_at(t) = points_of(actions[t], axis_length);
  return decoded;
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
  const Given given{views, prompt_, rig};
  check_request(given, options_, config_);
  if (options_.action_head) check_action_head(*options_.action_head, options_.task, rig.size(), model.vae());
  options_.frames = resolve_frames(given, options_, config_, model.vae());
  sampling_ = resolve_sampling(options_, config_);
  negative_prompt_ = resolve_negative_prompt(options_, config_);
  encode_prompt();
  pictures_ = fitted_pictures(views, rig, rig_.height(), rig_.width());
  encode_pictures();
  if (inputs_.packing.has_actions()) encode_known_actions(rig);
  timings_["encode"] = watch.lap();
  if (config_.transformer.camera_channels > 0) {
    inputs_.camera =
        encode_cameras(rig_, options_.frames, config_, model_.vae(), vae_options("cameras")).to(at::kFloat).unsqueeze(0);
  }
  timings_["encode_cameras"] = watch.lap();
}

bool Generation::report(std::string_view stage, std::int64_t done, std::int64_t total) const {
  return !options_.stage_progress || options_.stage_progress(stage, done, total);
}

VaeOptions Generation::vae_options(std::string_view stage) const {
  VaeOptions options{.tiling = options_.tiling};
  if (!options_.stage_progress) return options;
  options.progress = [this, stage](std::int64_t done, std::int64_t total) { return report(stage, done, total); };
  return options;
}

void Generation::encode_prompt() {
  const bool guided = sampling_.guidance != 1.0;
  const at::Tensor states = model_.encode_prompts(guided ? std::vector{prompt_, negative_prompt_} : std::vector{prompt_});
  inputs_.text = states.narrow(0, 0, 1);
  if (guided) sampling_.negative_text = states.narrow(0, 1, 1);
}

void Generation::encode_pictures() {
  const VideoVae& vae = model_.vae();
  const auto latent_frames = vae.latent_frames(options_.frames);
  const std::int64_t count = pictures_.size(0);
  inputs_.packing = options_.action_views.empty() ? Packing::of(options_.task, count, latent_frames)
                                                  : Packing::image_to_action(options_.action_views, latent_frames);
  inputs_.task = options_.task;
  const at::Tensor given = encode_views(normalized_from_pixels(pictures_), vae, vae_options("pictures")).unsqueeze(0);
  // Latent frames that are not given hold zeros until they are generated.
  inputs_.video = at::zeros({1, count, given.size(2), latent_frames, given.size(4), given.size(5)},
                            given.options().dtype(at::kFloat));
  inputs_.video.narrow(3, 0, given.size(3)).copy_(given);
  if (!config_.transformer.image_stem.empty()) {
    inputs_.first_frames = normalized_from_pixels(pictures_.narrow(1, 0, 1)).select(2, 0).unsqueeze(0);
  }
}

at::Tensor Generation::draw_known_actions(const Rig& given) const {
  const bool all = options_.task == Task::a2v;
  const std::int64_t frames = all ? options_.frames : 1;
  if (!options_.view_actions.empty()) {
    return draw_view_actions(model_pixels(options_.view_actions, given, frames, config_), config_);
  }
  if (all) return draw_actions(options_.actions, rig_, config_);
  const bool unseen = config_.unknown_first_action == UnknownFirstAction::empty;
  if (!options_.first_action && !unseen) return {};
  return draw_actions({options_.first_action.value_or(unseen_action)}, rig_.clip(0, 1), config_);
}

void Generation::encode_known_actions(const Rig& given) {
  const at::Tensor known = draw_known_actions(given);
  inputs_.first_action_known = known.defined();
  inputs_.action = at::zeros_like(inputs_.video);
  if (!known.defined()) return;
  const at::Tensor latents = encode_views(known, model_.vae(), vae_options("actions")).unsqueeze(0);
  inputs_.action.narrow(3, 0, latents.size(3)).copy_(latents);
  if (options_.task == Task::a2v) drawn_ = pixels_from_normalized(known);
}

Sampled Generation::sample() const {
  SampleOptions options = sampling_;
  options.progress = [this](int done, int steps) {
    return (!options_.progress || options_.progress(done, steps)) && report("sample", done, steps);
  };
  return sample_latents(model_.network(), inputs_, options);
}

at::Tensor Generation::video_of(const at::Tensor& latents) const {
  if (options_.task == Task::v2a) return pictures_;
  if (options_.task != Task::i2a) {
    return decode_stream(latents, inputs_.packing, Stream::video, model_.vae(), vae_options("video"));
  }
  return pictures_.index_select(0, at::tensor(inputs_.packing.views(), at::kLong));
}

at::Tensor Generation::action_images_of(const at::Tensor& latents, const at::Tensor& video) const {
  if (!inputs_.packing.has_actions()) {
    return at::empty({video.size(0), 0, video.size(2), video.size(3), 3}, at::kByte);
  }
  if (drawn_.defined()) return drawn_;
  return decode_stream(latents, inputs_.packing, Stream::action, model_.vae(), vae_options("action_images"));
}

void Generation::read_actions(Rollout& rollout) const {
  const bool one_view = rollout.rig.size() == 1;  // rays that meet nothing
  Decoded decoded = !one_view                  ? decode(rollout.action_images, rollout.rig, decode_options(config_))
                    : options_.actions.empty() ? Decoded(rollout.action_images.shape()[1], 1)
                                               : as_given(options_.actions, config_.codec.axis_length);
  rollout.actions = std::move(decoded.actions);
  rollout.points = std::move(decoded.points);
  rollout.confidence = std::move(decoded.confidence);
  if (!options_.action_head) return;
  rollout.actions = options_.action_head->predict(
      {rollout.latents, inputs_.packing, rollout.rig, rollout.actions, rollout.confidence});
  for (std::size_t t = 0; t < rollout.actions.size(); ++t) {
    Eigen::Map<ActionPoints>(&rollout.points(t, 0, 0)) = points_of(rollout.actions[t], config_.codec.axis_length);
  }
}

nlohmann::json Generation::settings(const StepCacheStatistics& evaluations) const {
  const SamplerOptions& sampler = sampling_.sampler;
  nlohmann::json settings{
      {"model", config_.name},
      {"version", version},
      {"task", name_of(options_.task)},
      {"prompt", prompt_},
      {"negative_prompt", negative_prompt_},
      {"seed", options_.seed},
      {"steps", sampling_.steps},
      {"guidance", sampling_.guidance},
      {"shift", sampling_.shift},
      {"solver", name_of(sampler.solver)},
      {"guidance_rescale", sampler.guidance_rescale},
      {"guidance_interval", {sampler.guidance_interval.low, sampler.guidance_interval.high}},
      {"step_cache", name_of(sampler.step_cache)},
      {"steps_evaluated", evaluations.evaluated},
      {"steps_reused", evaluations.reused},
      {"sigma_min", sampler.sigma_min},
      {"extra_one_step", sampler.extra_one_step},
      {"views", rig_.size()},
      {"frames", options_.frames},
      {"height", rig_.height()},
      {"width", rig_.width()},
      {"moving_rig", rig_.is_moving()},
      {"convention", config_.codec.convention == Convention::paper ? "paper" : "release"},
      {"first_action_known", inputs_.first_action_known && options_.task != Task::i2v},
      {"action_head", options_.action_head != nullptr}};
  if (sampler.step_cache != StepCacheKind::none) settings["step_cache_threshold"] = step_cache_threshold(sampler);
  if (options_.tiling) settings["tiles"] = {{"size", options_.tiling->size}, {"stride", options_.tiling->stride}};
  if (options_.task == Task::i2a) settings["action_views"] = inputs_.packing.views();
  return settings;
}

Rollout Generation::unread_rollout(const at::Tensor& latents) const {
  const at::Tensor video = video_of(latents);
  const bool all_views = static_cast<std::size_t>(video.size(0)) == rig_.size();
  return {.task = options_.task,
          .prompt = prompt_,
          .rig = all_views ? rig_ : views_of(rig_, inputs_.packing.views()),
          .video = to_array<std::uint8_t, 5>(video),
          .action_images = to_array<std::uint8_t, 5>(action_images_of(latents, video)),
          .actions = {},
          .points = xt::xtensor<double, 3>::from_shape({0, 3, 3}),
          .confidence = {},
          .settings = {},
          .timings = {},
          .latents = latents[0]};
}

Rollout Generation::run() {
  const at::NoGradGuard no_gradients;
  Stopwatch watch;
  const Sampled sampled = sample();
  timings_["sample"] = watch.lap();
  Rollout rollout = unread_rollout(sampled.latents);
  rollout.settings = settings(sampled.evaluations);
  timings_["decode_latents"] = watch.lap();
  if (rollout.has_actions()) read_actions(rollout);
  timings_["decode_actions"] = watch.lap();
  rollout.timings = timings_;
  return rollout;
}

}  // namespace action_images
