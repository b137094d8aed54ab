// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/batches.hpp>

#include <algorithm>

#include <ATen/ATen.h>

#include <action_images/world/instruction.hpp>

namespace action_images {
namespace {

constexpr std::uint64_t step_stream = 0x737465707;  // so that a step draws other numbers than the sample of its number

// Stacks one tensor of every sample; undefined where the samples have none.
template <typename Samples, typename Member>
at::Tensor stacked(const Samples& samples, Member member) {
  std::vector<at::Tensor> tensors;
  for (const auto& sample : samples) tensors.push_back(member(sample));
  return tensors.front().defined() ? at::stack(tensors) : at::Tensor();
}

}  // namespace

std::vector<TrainingBatch> BatchMaker::batches(std::int64_t step, std::int64_t first, std::int64_t count) const {
  std::vector<std::vector<Sample>> groups;
  for (std::int64_t number = first; number < first + count; ++number) {
    Sample next = sample(step, number);
    const auto group = std::find_if(groups.begin(), groups.end(), [&](const std::vector<Sample>& samples) {
      return samples.front().task == next.task && samples.front().clip.has_actions() == next.clip.has_actions();
    });
    if (group == groups.end()) {
      groups.emplace_back().push_back(std::move(next));
    } else {
      group->push_back(std::move(next));
    }
  }
  std::vector<TrainingBatch> batches;
  for (auto& samples : groups) batches.push_back(joined(std::move(samples)));
  return batches;
}

BatchMaker::Sample BatchMaker::sample(std::int64_t step, std::int64_t number) const {
  at::Generator generator = sample_generator(config_->seed, number);
  Sample sample{.number = number, .clip = clips_->clip(number)};
  sample.text = draw_text(sample.clip.text, generator);
  at::Generator of_step = sample_generator(config_->seed ^ step_stream, step);
  sample.task = draw_task(config_->phase_at(step), sample.clip, config_->task_by_step ? of_step : generator);
  const at::Tensor& video = sample.clip.video;
  const Packing packing = sample.task.packing(video.size(0), video.size(2));
  sample.noise = draw_noise({video.size(1), packing.size(), video.size(3), video.size(4)}, config_->objective, generator);
  return sample;
}

TaskDraw BatchMaker::draw_task(const TrainPhase& phase, const LatentClip& clip, at::Generator& generator) const {
  TaskDraw draw = phase.tasks.draw(clip.source, clip.has_actions(), generator);
  const bool known = draw_uniform(generator) < config_->first_action_known;
  const std::int64_t view = draw_index(clip.video.size(0), generator);
  if (phase.sequence == TrainPhase::Sequence::image_to_action && clip.has_actions()) {
    draw = {.task = Task::i2va, .only_view = view};
  }
  draw.first_action_known = known || draw.task == Task::a2v;
  return draw;
}

std::string BatchMaker::draw_text(const std::string& text, at::Generator& generator) const {
  if (draw_uniform(generator) < config_->text_dropout) return {};
  std::string drawn = world_->clean_instructions ? clean_instruction(text) : text;
  for (const auto& [words, alternatives] : config_->synonyms) {
    const auto& chosen = alternatives[static_cast<std::size_t>(
        draw_index(static_cast<std::int64_t>(alternatives.size()), generator))];
    if (const auto found = drawn.find(words); found != std::string::npos) drawn.replace(found, words.size(), chosen);
  }
  return drawn;
}

TrainingBatch BatchMaker::joined(std::vector<Sample> samples) const {
  const Sample& like = samples.front();
  std::vector<at::Tensor> sigma, noise;
  std::vector<std::string> texts;
  TrainingBatch batch{.inputs = {.packing = like.task.packing(like.clip.video.size(0), like.clip.video.size(2)),
                                 .task = like.task.task,
                                 .first_action_known = like.task.first_action_known,
                                 .given_views = like.task.given_views,
                                 .checkpoint = config_->use_gradient_checkpointing,
                                 .checkpoint_offload = config_->use_gradient_checkpointing_offload}};
  for (const Sample& sample : samples) {
    sigma.push_back(sample.noise.sigma);
    noise.push_back(sample.noise.noise);
    texts.push_back(sample.text);
    batch.samples.push_back(sample.number);
    batch.episodes.push_back(sample.clip.episode);
  }
  batch.draw = {at::cat(sigma), at::cat(noise)};
  batch.inputs.video = stacked(samples, [](const Sample& sample) { return sample.clip.video; });
  batch.inputs.action = stacked(samples, [](const Sample& sample) { return sample.clip.action; });
  batch.inputs.camera = stacked(samples, [](const Sample& sample) { return sample.clip.camera; });
  if (!world_->transformer.image_stem.empty()) {
    const at::Tensor pixels = stacked(samples, [](const Sample& sample) { return sample.clip.first_frames; });
    batch.inputs.first_frames = pixels.permute({0, 1, 4, 2, 3}).to(at::kFloat) / 127.5F - 1.0F;
  }
  prompts_(texts, batch.inputs);
  return batch;
}

}  // namespace action_images
