// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/trainer.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <action_images/tensor/prefix.hpp>
#include <action_images/train/clip_sources.hpp>
#include <action_images/train/validation.hpp>

namespace action_images {
namespace {

namespace fs = std::filesystem;

constexpr const char* where = "train::Trainer";

bool is_divisible(std::int64_t batch, std::int64_t parts) { return batch % parts == 0; }

std::shared_ptr<const ClipSampler> open_sampler(const TrainConfig& config, const std::string& name, const std::string& path) {
  const TrainDataOptions& data = config.data;
  WindowOptions window = window_of(config.world);
  if (data.views >= 0) window.views = static_cast<int>(data.views);
  window.interval = static_cast<int>(data.interval);
  window.augmentation = data.augmentation;
  auto sources = name.empty() ? open_mixture(path) : open_mixture(name, path);
  return std::make_shared<ClipSampler>(
      std::move(sources), ClipSamplerOptions{.window = window, .seed = config.seed, .max_bad_share = data.max_bad_share});
}

}  // namespace

TrainingData open_training_data(const TrainConfig& config) {
  check<FormatError>(!config.data.path.empty() || !config.data.name.empty(), where, "dataset_path", "a data set", "none");
  TrainingData data{open_sampler(config, config.data.name, config.data.path), nullptr};
  if (!config.data.validation.empty()) data.validation = open_sampler(config, "", config.data.validation);
  return data;
}

// What has gathered since the last log, of this process.
struct Trainer::Sums {
  double loss = 0.0, action = 0.0, video = 0.0, norm = 0.0;
  std::int64_t steps = 0;
  nlohmann::json samples;  // of the last step: [number, episode] of each
};

Trainer::Trainer(TrainConfig config, fs::path output, TrainingData data, Listener listener, ProcessGroup group)
    : config_(std::move(config)),
      output_(std::move(output)),
      data_(std::move(data)),
      listener_(std::move(listener)),
      group_(std::move(group)),
      watchdog_(group_),
      sums_(std::make_unique<Sums>()) {
  const std::int64_t parts = group_.size() * config_.gradient_accumulation_steps;
  for (const TrainPhase& phase : config_.phases) {
    check<FormatError>(is_divisible(phase.batch, parts), where, "phases[].batch",
                       text_of("a multiple of ", parts, ", the processes times gradient_accumulation_steps"), phase.batch);
  }
  check<FormatError>(config_.parallel == Parallel::ddp || config_.optimizer.muon_learning_rate == 0, where, "parallel",
                     "\"ddp\" with Muon, which needs whole matrices", "zero1 or zero2");
  const auto late = watchdog_.busy("starting", 24 * 3600.0);
  fs::create_directories(output_);
  model_ = std::make_unique<TrainingModel>(config_, output_, clip_list(data_.training, config_.vae_fit.clips), group_);
  replica_ = Replica::make(model_->trainable(), group_, config_.parallel, model_->exact());
  optimizer_ = std::make_unique<Optimizer>(replica_->parameters(), config_.optimizer);
  if (config_.ema > 0) {
    for (const auto& [name, tensor] : replica_->parameters()) average_[name] = tensor.clone();
  }
  checkpoints_ = std::make_unique<CheckpointStore>(output_, group_,
                                                   CheckpointStoreOptions{.keep_last = config_.checkpoint.keep_last,
                                                                          .keep_best = config_.checkpoint.keep_best});
  load_checkpoint();
  open_clips();
  batches_ = std::make_unique<BatchMaker>(config_, model_->config(), *clips_, model_->prompt_reader());
}

Trainer::~Trainer() = default;

ClipList Trainer::clip_list(const std::shared_ptr<const ClipSampler>& sampler, std::int64_t count) const {
  ClipList clips = config_.data.cached_clips < 0 ? one_clip_per_episode(sampler) : drawn_clips(sampler, count);
  clips.count = std::min(clips.count, count);
  return clips;
}

void Trainer::open_clips() {
  const auto progress = [this](std::size_t done, std::size_t all) {
    return report({{"event", "cache"}, {"done", done}, {"all", all}});
  };
  const fs::path cache = config_.data.cache.empty() ? output_ / "latents" : fs::path(config_.data.cache);
  const LatentCacheOptions options{.vae = {.tiling = config_.vae_tiling},
                                   .refuse_stale = !config_.data.cache.empty(),
                                   .part = group_.rank(),
                                   .parts = group_.size(),
                                   .synchronize = [this] { group_.barrier(); },
                                   .progress = progress};
  if (config_.data.cached_clips != 0) {
    const std::int64_t count = config_.data.cached_clips < 0 ? data_.training->episodes() : config_.data.cached_clips;
    LatentCache latents(clip_list(data_.training, count), cache / "train", model_->config(), model_->vae(), options);
    clips_ = std::make_unique<CachedClips>(std::move(latents), config_.seed);
  } else {
    clips_ = std::make_unique<EncodedClips>(loader(), model_->config(), model_->vae(), options.vae);
  }
  if (data_.validation) {
    const std::int64_t count = std::min(config_.validation_clips, data_.validation->episodes());
    validation_ = std::make_unique<LatentCache>(clip_list(data_.validation, count), cache / "validation",
                                                model_->config(), model_->vae(), options);
  }
}

// The clips of this process's samples in their order, from where the run is.
std::unique_ptr<ClipLoader> Trainer::loader() const {
  const auto index_of = [this, step = step_, place = std::int64_t{0}](std::int64_t) mutable {
    const std::int64_t local = config_.phase_at(step).batch / group_.size();
    const std::int64_t index = config_.first_sample(step) + group_.rank() * local + place;
    if (++place == local) ++step, place = 0;
    return index;
  };
  std::int64_t count = 0;
  for (std::int64_t step = step_; step < config_.total_steps(); ++step) count += config_.phase_at(step).batch / group_.size();
  return std::make_unique<ClipLoader>(data_.training, index_of,
                                      LoaderOptions{.threads = static_cast<int>(config_.data.threads), .count = count});
}

bool Trainer::run() {
  const std::int64_t steps = config_.total_steps();
  while (step_ < steps) {
    step();
    bool go_on = !listener_ || listener_({{"event", "step"}, {"step", step_}});
    if (step_ % config_.log_every_n_steps == 0) go_on = log() && go_on;
    if (step_ % config_.validate_every_n_steps == 0 && step_ < steps) go_on = validate() && go_on;
    go_on = agreed(go_on);
    if (step_ % config_.checkpoint.every_n_steps == 0 || !go_on || step_ == steps) save_checkpoint();
    if (!go_on) return false;
  }
  checkpoints_->wait();
  save_model();
  validate();
  report({{"event", "done"}, {"step", step_}, {"skipped", skipped_}});
  return true;
}

void Trainer::step() {
  const std::int64_t local = config_.phase_at(step_).batch / group_.size();
  const std::int64_t micro = local / config_.gradient_accumulation_steps;
  const std::int64_t first = config_.first_sample(step_) + group_.rank() * local;
  const double share = 1.0 / static_cast<double>(local);
  std::int64_t tokens = 0;
  sums_->samples = nlohmann::json::array();
  for (std::int64_t done = 0; done < local; done += micro) {
    at::Tensor total;
    for (const TrainingBatch& batch : batches_->batches(step_, first + done, micro)) {
      const ObjectiveLoss loss = world_loss(model_->network(), batch.inputs, batch.draw, config_.objective);
      const double part = share * static_cast<double>(batch.samples.size());
      total = total.defined() ? total + loss.total * part : loss.total * part;
      sums_->action += loss.action_mse * part;
      sums_->video += loss.video_mse * part;
      tokens += tokens_of(batch.inputs, model_->config().transformer);
      for (std::size_t i = 0; i < batch.samples.size(); ++i) sums_->samples.push_back({batch.samples[i], batch.episodes[i]});
    }
    sums_->loss += total.item<double>();
    replica_->backward(total, done + micro == local);
  }
  optimize();
  watchdog_.step(step_);
  throughput_.add(local, tokens, local * flops_of_sample(tokens / local), clips_->waited());
}

double Trainer::flops_of_sample(std::int64_t tokens) const {
  const WanTransformer& transformer = model_->network().transformer();
  return training_flops(transformer.config(), transformer.parameters().count(), tokens, model_->config().text_length);
}

void Trainer::optimize() {
  double norm = 0.0;
  const TensorMap gradients = replica_->gradients(config_.max_grad_norm, norm);
  const bool exploded = config_.skip_grad_norm > 0 && norm > config_.skip_grad_norm;
  if (!std::isfinite(norm) || exploded) {
    skip(norm);
  } else {
    optimizer_->step(gradients, learning_rate_scale(config_.schedule, step_, config_.total_steps()));
    replica_->publish();
    update_average();
    sums_->norm += norm;
    ++sums_->steps;
  }
  replica_->clear_gradients();
  ++step_;
}

// The step leaves the weights as they are. Every process sees the same norm, and so does the same.
void Trainer::skip(double norm) {
  ++skipped_;
  nlohmann::json samples = nlohmann::json::array();
  for (const std::string& text : group_.gather(sums_->samples.dump())) {
    for (const auto& sample : nlohmann::json::parse(text)) samples.push_back(sample);
  }
  report({{"event", "skipped"}, {"step", step_}, {"grad_norm", text_of(norm)}, {"skipped", skipped_}, {"samples", samples}});
  *sums_ = Sums();
  if (skipped_ <= config_.max_skipped_steps) return;
  throw NumericalError(expected_text(where, "gradient", text_of("at most ", config_.max_skipped_steps, " skipped steps"),
                                     text_of(skipped_, "; the last at step ", step_, ", norm ", norm, ", of ", samples.dump())));
}

void Trainer::update_average() {
  if (average_.empty()) return;
  const at::NoGradGuard no_gradients;
  // Early in training the average follows faster, or it would remember the random start.
  const double decay = std::min(config_.ema, (1.0 + static_cast<double>(step_)) / (10.0 + static_cast<double>(step_)));
  for (const auto& [name, tensor] : replica_->parameters()) average_.at(name).lerp_(tensor, 1.0 - decay);
}

bool Trainer::log() {
  const double n = static_cast<double>(std::max<std::int64_t>(sums_->steps, 1));
  at::Tensor sums = at::tensor({sums_->loss / n, sums_->action / n, sums_->video / n}, at::kDouble);
  group_.all_reduce(sums, ReduceOp::mean);
  nlohmann::json event{{"event", "log"},
                       {"step", step_},
                       {"steps", config_.total_steps()},
                       {"loss", sums[0].item<double>()},
                       {"action_mse", sums[1].item<double>()},
                       {"video_mse", sums[2].item<double>()},
                       {"grad_norm", sums_->norm / n},
                       {"learning_rate", config_.optimizer.learning_rate *
                                             learning_rate_scale(config_.schedule, step_ - 1, config_.total_steps())},
                       {"skipped", skipped_}};
  event.update(throughput_.take(config_.peak_tflops));
  *sums_ = Sums();
  return report(std::move(event));
}

bool Trainer::validate() {
  if (!validation_) return true;
  const auto late = watchdog_.busy("validating", 3600.0);
  load_into_network(evaluated());
  const ValidationSet set{.clips = *validation_,
                          .vae = model_->vae(),
                          .prompts = model_->prompt_reader(),
                          .count = config_.validation_clips,
                          .videos = config_.sample_videos,
                          .folder = output_ / "samples" / text_of("step-", step_)};
  nlohmann::json event = validate_plans(model_->network(), set, group_);
  replica_->publish();
  if (event.contains("trajectory_error_mm")) error_ = event["trajectory_error_mm"];
  event["event"] = "validation";
  event["step"] = step_;
  return report(std::move(event));
}

TensorMap Trainer::evaluated() { return replica_->whole(average_.empty() ? replica_->parameters() : average_); }

void Trainer::load_into_network(const TensorMap& tensors) {
  const at::NoGradGuard no_gradients;
  for (const auto& [name, tensor] : model_->trainable()) tensor.detach().copy_(tensors.at(name));
}

bool Trainer::report(nlohmann::json event) {
  if (group_.rank() != 0) return true;
  std::ofstream(output_ / "log.jsonl", std::ios::app) << event.dump() << '\n';
  return !listener_ || listener_(event);
}

// Whether no process wants to stop.
bool Trainer::agreed(bool go_on) const {
  at::Tensor all = at::full({1}, go_on ? 1.0 : 0.0, at::kDouble);
  group_.all_reduce(all, ReduceOp::minimum);
  return all.item<double>() > 0.5;
}

void Trainer::save_model() {
  const auto late = watchdog_.busy("saving the model", 3600.0);
  const TensorMap trained = evaluated();
  if (group_.rank() == 0) model_->save(output_, trained);
  group_.barrier();
}

}  // namespace action_images
