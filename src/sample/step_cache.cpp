// SPDX-License-Identifier: Apache-2.0
#include <action_images/sample/step_cache.hpp>

#include <cmath>
#include <limits>
#include <utility>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>

namespace action_images {
namespace {

double mean_magnitude(const at::Tensor& tensor) { return tensor.abs().mean(at::kDouble).item<double>(); }

// Similarity of two batches, averaged over their samples.
double mean_similarity(const at::Tensor& one, const at::Tensor& other) {
  const auto rows = [](const at::Tensor& batch) { return batch.reshape({batch.size(0), -1}).to(at::kFloat); };
  return at::cosine_similarity(rows(one), rows(other), 1).mean().item<double>();
}

class CosinePolicy : public ReusePolicy {
 public:
  explicit CosinePolicy(std::vector<CosineRule> rules) : rules_(std::move(rules)) {}

  void restart() override {
    before_ = last_ = at::Tensor();
    left_ = 0;
    evaluate_ = false;
  }

  bool reuse(const at::Tensor&, const at::Tensor&) override {
    if (left_ == 0 && !evaluate_ && before_.defined()) left_ = steps_to_reuse();
    if (left_ == 0) return false;
    evaluate_ = --left_ == 0;  // the step after the last of them
    return true;
  }

  void evaluated(const at::Tensor&, const at::Tensor&, const at::Tensor& prediction) override {
    before_ = std::exchange(last_, prediction);
    evaluate_ = false;
  }

 private:
  std::int64_t steps_to_reuse() const {
    const double similarity = mean_similarity(last_, before_);
    for (const CosineRule& rule : rules_) {
      if (similarity > rule.threshold) return rule.steps;
    }
    return 0;
  }

  std::vector<CosineRule> rules_;
  at::Tensor last_, before_;  // predictions
  std::int64_t left_ = 0;
  bool evaluate_ = false;
};

// Adds up estimates until they reach the threshold.
class ChangePolicy : public ReusePolicy {
 public:
  ChangePolicy(const ChangeOptions& options, const char* where) : options_(options) {
    check(std::isfinite(options.threshold) && options.threshold >= 0.0, where, "threshold", "a number >= 0",
          options.threshold);
    check(options.warm_up >= 1, where, "warm_up", "at least 1", options.warm_up);
    check(options.longest >= 1, where, "longest", "at least 1", options.longest);
  }

  void restart() override { evaluations_ = in_a_row_ = 0; }

  bool reuse(const at::Tensor& latents, const at::Tensor& timestep) override {
    sum_ += change(latents, timestep);
    if (evaluations_ < options_.warm_up || in_a_row_ == options_.longest || !(sum_ < options_.threshold)) return false;
    ++in_a_row_;
    return true;
  }

  void evaluated(const at::Tensor&, const at::Tensor&, const at::Tensor&) override {
    ++evaluations_;
    in_a_row_ = 0;
    sum_ = 0.0;
  }

 protected:
  // Estimate of the relative change of the prediction since the call before; infinite if there is none yet.
  virtual double change(const at::Tensor& latents, const at::Tensor& timestep) = 0;

 private:
  ChangeOptions options_;
  std::int64_t evaluations_ = 0, in_a_row_ = 0;
  double sum_ = 0.0;
};

class EasyPolicy : public ChangePolicy {
 public:
  explicit EasyPolicy(const ChangeOptions& options) : ChangePolicy(options, "sample::easy_policy") {}

  void restart() override {
    ChangePolicy::restart();
    latents_ = prediction_ = seen_ = at::Tensor();
    rate_ = std::numeric_limits<double>::infinity();
  }

  void evaluated(const at::Tensor& latents, const at::Tensor& timestep, const at::Tensor& prediction) override {
    ChangePolicy::evaluated(latents, timestep, prediction);
    if (prediction_.defined()) rate_ = mean_magnitude(prediction - prediction_) / mean_magnitude(latents - latents_);
    latents_ = seen_ = latents;
    prediction_ = prediction;
  }

 private:
  double change(const at::Tensor& latents, const at::Tensor&) override {
    const double moved = mean_magnitude(latents - std::exchange(seen_, latents));
    return rate_ * moved / mean_magnitude(prediction_);
  }

  at::Tensor latents_, prediction_;  // of the last evaluation
  at::Tensor seen_;                  // latents of the last call
  double rate_ = std::numeric_limits<double>::infinity();
};

class TeaPolicy : public ChangePolicy {
 public:
  explicit TeaPolicy(TeaOptions options)
      : ChangePolicy(options.change, "sample::tea_policy"), options_(std::move(options)) {
    check(!options_.polynomial.empty(), "sample::tea_policy", "polynomial", "at least one coefficient", "none");
  }

  void restart() override {
    ChangePolicy::restart();
    seen_ = at::Tensor();
  }

  void evaluated(const at::Tensor& latents, const at::Tensor& timestep, const at::Tensor& prediction) override {
    ChangePolicy::evaluated(latents, timestep, prediction);
    if (!seen_.defined()) seen_ = indicator(latents, timestep);
  }

 private:
  at::Tensor indicator(const at::Tensor& latents, const at::Tensor& timestep) const {
    return options_.indicator ? options_.indicator(latents, timestep) : latents;
  }

  double change(const at::Tensor& latents, const at::Tensor& timestep) override {
    const at::Tensor now = indicator(latents, timestep);
    const double relative = mean_magnitude(now - seen_) / mean_magnitude(seen_);
    seen_ = now;
    double value = 0.0;
    for (const double coefficient : options_.polynomial) value = value * relative + coefficient;
    return std::abs(value);
  }

  TeaOptions options_;
  at::Tensor seen_;  // indicator of the last call
};

}  // namespace

std::unique_ptr<ReusePolicy> cosine_policy(std::vector<CosineRule> rules) {
  constexpr auto where = "sample::cosine_policy";
  for (const CosineRule& rule : rules) {
    check(rule.threshold >= -1.0 && rule.threshold <= 1.0, where, "threshold", "a number in [-1, 1]", rule.threshold);
    check(rule.steps >= 1, where, "steps", "at least 1", rule.steps);
  }
  return std::make_unique<CosinePolicy>(std::move(rules));
}

std::unique_ptr<ReusePolicy> easy_policy(const ChangeOptions& options) { return std::make_unique<EasyPolicy>(options); }

std::unique_ptr<ReusePolicy> tea_policy(TeaOptions options) { return std::make_unique<TeaPolicy>(std::move(options)); }

struct StepCache::State {
  Denoiser denoiser;
  std::unique_ptr<ReusePolicy> policy;
  StepCacheStatistics statistics{};
  at::Tensor prediction{};  // the last one of this run
  double timestep = 0.0;    // of the last call

  // A run goes down in time with latents of one shape.
  bool continues(const at::Tensor& latents, double now) const {
    return prediction.defined() && now < timestep && prediction.sizes() == latents.sizes() &&
           prediction.device() == latents.device();
  }
};

StepCache::StepCache(Denoiser denoiser, std::unique_ptr<ReusePolicy> policy)
    : state_(std::make_shared<State>(State{std::move(denoiser), std::move(policy)})) {
  check(static_cast<bool>(state_->denoiser), "sample::StepCache", "denoiser", "a function", "none");
  check(state_->policy != nullptr, "sample::StepCache", "policy", "a policy", "none");
}

at::Tensor StepCache::operator()(const at::Tensor& latents, const at::Tensor& timestep) const {
  State& state = *state_;
  const double now = timestep.max().item<double>();
  const bool continues = state.continues(latents, now);
  state.timestep = now;
  if (!continues) state.policy->restart();
  if (continues && state.policy->reuse(latents, timestep)) {
    ++state.statistics.reused;
    return state.prediction;
  }
  state.prediction = state.denoiser(latents, timestep);
  ++state.statistics.evaluated;
  state.policy->evaluated(latents, timestep, state.prediction);
  return state.prediction;
}

StepCacheStatistics StepCache::statistics() const { return state_->statistics; }

}  // namespace action_images
