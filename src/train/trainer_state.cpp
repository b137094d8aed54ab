// SPDX-License-Identifier: Apache-2.0
// What a run keeps of itself on disk, to go on from.
#include <action_images/train/trainer.hpp>

#include <array>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <action_images/tensor/prefix.hpp>

namespace action_images {
namespace {

constexpr const char* where = "train::Trainer";
constexpr std::array<std::string_view, 3> moments{"exp_avg.", "exp_avg_sq.", "momentum."};

std::string without_moment(const std::string& name) {
  for (const std::string_view moment : moments) {
    if (name.starts_with(moment)) return name.substr(moment.size());
  }
  return name;
}

// Adds tensors that are divided as the replica's parameters are, if they are.
void add(CheckpointContents& contents, const TensorMap& tensors, const Replica& replica, const std::string& prefix) {
  if (const auto ranges = replica.ranges()) {
    contents.pieces.merge(pieces_of(tensors, *ranges, prefix));
  } else {
    contents.tensors.merge(with_prefix(tensors, prefix));
  }
}

// Copies what was saved of a tensor: all of it, or the part that is this process's now.
void restore(const SavedCheckpoint& checkpoint, const std::string& name, const at::Tensor& target,
             const std::optional<ShardRange>& range) {
  const std::string file = checkpoint.folder().string();
  check<FormatError>(checkpoint.contains(name), where, file, text_of("a checkpoint with ", name), "none");
  const at::Tensor saved = range ? checkpoint.range(name, range->start, range->stop) : checkpoint.tensor(name);
  check<FormatError>(saved.sizes() == target.sizes(), where, file, text_of(name, " of ", shape_text(target.sizes())),
                     shape_text(saved.sizes()));
  const at::NoGradGuard no_gradients;
  at::Tensor(target).copy_(saved);
}

}  // namespace

void Trainer::save_checkpoint() {
  const auto late = watchdog_.busy("saving a checkpoint", 600.0);
  CheckpointContents contents{.step = step_};
  contents.state = {{"model", json_from(model_->config())},
                    {"samples", config_.first_sample(step_)},
                    {"seed", config_.seed},
                    {"skipped", skipped_}};
  if (error_) contents.metric = *error_;
  add(contents, replica_->parameters(), *replica_, "parameters.");
  add(contents, average_, *replica_, "average.");
  const TensorMap optimizer = optimizer_->state();
  for (const std::string_view moment : moments) {
    add(contents, without_prefix(optimizer, moment), *replica_, text_of("optimizer.", moment));
  }
  contents.tensors["optimizer.steps"] = optimizer.at("steps");
  checkpoints_->save(contents);
  report({{"event", "checkpoint"}, {"step", step_}});
}

void Trainer::load_checkpoint() {
  std::optional<SavedCheckpoint> saved = checkpoints_->newest();
  if (!saved && !config_.resume.empty()) saved.emplace(config_.resume);
  if (!saved) return;
  const nlohmann::json& state = saved->state();
  const std::string file = saved->folder().string();
  check<FormatError>(json_from(world_config_from_json(state.at("model"))) == json_from(model_->config()), where, file,
                     "a checkpoint of this model config", "one of another");
  const auto samples = state.at("samples").get<std::int64_t>();
  check<FormatError>(samples == config_.first_sample(saved->step()), where, file,
                     text_of(samples, " samples in ", saved->step(), " steps, as it has (with another number of processes: ",
                             "another batch_size or gradient_accumulation_steps)"),
                     config_.first_sample(saved->step()));
  const auto ranges = replica_->ranges();
  const auto range_of = [&](const std::string& name) -> std::optional<ShardRange> {
    if (!ranges) return std::nullopt;
    const auto found = ranges->find(name);
    return found == ranges->end() ? std::nullopt : std::optional(found->second);
  };
  for (const auto& [name, tensor] : replica_->parameters()) restore(*saved, "parameters." + name, tensor, range_of(name));
  for (const auto& [name, tensor] : average_) restore(*saved, "average." + name, tensor, range_of(name));
  for (const auto& [name, tensor] : optimizer_->state()) {
    restore(*saved, "optimizer." + name, tensor, range_of(without_moment(name)));
  }
  replica_->publish();
  step_ = saved->step();
  skipped_ = state.value("skipped", std::int64_t{0});
  report({{"event", "resumed"}, {"step", step_}, {"text", text_of("going on from ", file)}});
}

}  // namespace action_images
