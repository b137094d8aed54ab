// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/validation.hpp>

#include <algorithm>
#include <numeric>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <action_images/tensor/array.hpp>
#include <action_images/world/conditioning.hpp>
#include <action_images/world/sampling.hpp>

namespace action_images {
namespace {

struct PlanErrors {
  std::vector<double> last_mm;
  double path_mm = 0.0;
};

void compare(const Trajectory& planned, const Trajectory& recorded, PlanErrors& errors) {
  double sum = 0.0;
  for (std::size_t t = 0; t < recorded.size(); ++t) sum += (planned[t].position - recorded[t].position).norm();
  errors.path_mm += 1000.0 * sum / static_cast<double>(recorded.size());
  const double last = 1000.0 * (planned.back().position - recorded.back().position).norm();
  errors.last_mm.push_back(std::isfinite(last) ? last : 1e6);
}

}  // namespace

nlohmann::json validate_plans(const WorldNetwork& network, const VideoVae& vae, const LatentDataset& data,
                              const Tokenizer& tokenizer, std::int64_t clips) {
  const at::NoGradGuard no_gradients;
  const WorldConfig& config = network.config();
  std::vector<std::int64_t> indices(static_cast<std::size_t>(std::min(clips, data.size())));
  std::iota(indices.begin(), indices.end(), 0);
  const LatentBatch batch = data.batch(indices);
  const TokenizedText text = tokenizer.encode(batch.texts, config.text_length);
  const WorldInputs inputs{.packing = Packing::joint(batch.video.size(1), batch.video.size(3)),
                           .task = Task::i2va,
                           .first_action_known = false,
                           .video = batch.video,
                           .action = batch.action,
                           .camera = batch.camera,
                           .first_frames = config.transformer.image_stem.empty() ? at::Tensor() : batch.first_frames,
                           .text_ids = text.ids,
                           .text_mask = text.mask};
  const at::Tensor latents =
      sample_latents(network, inputs, {.steps = config.steps, .shift = config.shift, .sampler = config.sampler, .seed = 1})
          .latents;

  PlanErrors errors;
  for (const std::int64_t clip : indices) {
    const at::Tensor pixels = decode_stream(latents.narrow(0, clip, 1), inputs.packing, Stream::action, vae);
    const Decoded plan = decode(images_view<std::uint8_t>(pixels), data.rig(clip), decode_options(config));
    compare(plan.actions, data.trajectory(clip), errors);
  }
  const double count = static_cast<double>(indices.size());
  const auto within = std::count_if(errors.last_mm.begin(), errors.last_mm.end(), [](double mm) { return mm <= 25.0; });
  std::sort(errors.last_mm.begin(), errors.last_mm.end());
  return {{"clips", indices.size()},
          {"final_error_mm_median", errors.last_mm[errors.last_mm.size() / 2]},
          {"within_25_mm", static_cast<double>(within) / count},
          {"trajectory_error_mm", errors.path_mm / count}};
}

}  // namespace action_images
