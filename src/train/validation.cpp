// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/validation.hpp>

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <action_images/codec/decode.hpp>
#include <action_images/tensor/array.hpp>
#include <action_images/video/video.hpp>
#include <action_images/world/conditioning.hpp>
#include <action_images/world/sampling.hpp>

namespace action_images {
namespace {

struct PlanError {
  double last_mm = 0.0, path_mm = 0.0;
};

PlanError compare(const Trajectory& planned, const Trajectory& recorded) {
  double sum = 0.0;
  for (std::size_t t = 0; t < recorded.size(); ++t) sum += (planned[t].position - recorded[t].position).norm();
  const double last = 1000.0 * (planned.back().position - recorded.back().position).norm();
  const double path = 1000.0 * sum / static_cast<double>(recorded.size());
  return {std::isfinite(last) ? last : 1e6, std::isfinite(path) ? path : 1e6};
}

WorldInputs inputs_of(const LatentClip& clip, const WorldConfig& config, const PromptReader& prompts) {
  WorldInputs inputs{.packing = Packing::joint(clip.video.size(0), clip.video.size(2)),
                     .task = Task::i2va,
                     .first_action_known = config.unknown_first_action != UnknownFirstAction::generate,
                     .video = clip.video.unsqueeze(0),
                     .action = clip.action.unsqueeze(0)};
  if (clip.camera.defined()) inputs.camera = clip.camera.unsqueeze(0);
  if (!config.transformer.image_stem.empty()) {
    inputs.first_frames = clip.first_frames.permute({0, 3, 1, 2}).unsqueeze(0).to(at::kFloat) / 127.5F - 1.0F;
  }
  prompts({clip.text}, inputs);
  return inputs;
}

// [recorded | generated | action images] of every view.
void write_videos(const at::Tensor& latents, const at::Tensor& actions, const WorldInputs& inputs, const ValidationSet& set,
                  std::int64_t number) {
  std::filesystem::create_directories(set.folder);
  const at::Tensor recorded = pixels_from_normalized(set.vae.decode(inputs.video[0]));
  const at::Tensor generated = decode_stream(latents, inputs.packing, Stream::video, set.vae);
  const at::Tensor panels = at::cat({recorded, generated, actions}, 3).contiguous();  // side by side
  for (std::int64_t view = 0; view < panels.size(0); ++view) {
    const at::Tensor pixels = panels[view].contiguous();
    const FramesView frames(pixels.data_ptr<std::uint8_t>(), static_cast<int>(pixels.size(0)),
                            static_cast<int>(pixels.size(1)), static_cast<int>(pixels.size(2)));
    write_video(set.folder / text_of("clip_", number, "_view_", view, ".mp4"), frames);
  }
}

PlanError plan(const WorldNetwork& network, const ValidationSet& set, std::int64_t number) {
  const WorldConfig& config = network.config();
  const LatentClip clip = set.clips.clip(number);
  const WorldInputs inputs = inputs_of(clip, config, set.prompts);
  const SampleOptions options{.steps = config.steps, .shift = config.shift, .sampler = config.sampler,
                              .seed = static_cast<std::uint64_t>(number) + 1};
  const at::Tensor latents = sample_latents(network, inputs, options).latents;
  const at::Tensor pixels = decode_stream(latents, inputs.packing, Stream::action, set.vae);
  if (number < set.videos) write_videos(latents, pixels, inputs, set, number);
  const Decoded decoded = decode(images_view<std::uint8_t>(pixels), set.clips.rig(number), decode_options(config));
  return compare(decoded.actions, set.clips.trajectory(number));
}

}  // namespace

nlohmann::json validate_plans(const WorldNetwork& network, const ValidationSet& set, const ProcessGroup& group) {
  const at::NoGradGuard no_gradients;
  nlohmann::json last = nlohmann::json::array(), path = last;
  for (std::int64_t i = group.rank(); i < std::min(set.count, set.clips.size()); i += group.size()) {
    if (!set.clips.clip(i).has_actions()) continue;
    const PlanError error = plan(network, set, i);
    last.push_back(error.last_mm);
    path.push_back(error.path_mm);
  }
  std::vector<double> last_mm, path_mm;
  for (const std::string& text : group.gather(nlohmann::json{last, path}.dump())) {
    const auto errors = nlohmann::json::parse(text);
    for (double error : errors[0]) last_mm.push_back(error);
    for (double error : errors[1]) path_mm.push_back(error);
  }
  if (last_mm.empty()) return {{"clips", 0}};
  const double count = static_cast<double>(last_mm.size());
  const auto within = std::count_if(last_mm.begin(), last_mm.end(), [](double mm) { return mm <= 25.0; });
  std::sort(last_mm.begin(), last_mm.end());
  double sum = 0.0;
  for (const double error : path_mm) sum += error;
  return {{"clips", last_mm.size()},
          {"final_error_mm_median", last_mm[last_mm.size() / 2]},
          {"within_25_mm", static_cast<double>(within) / count},
          {"trajectory_error_mm", sum / count}};
}

}  // namespace action_images
