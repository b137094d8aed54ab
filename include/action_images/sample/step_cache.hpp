// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <action_images/sample/denoise.hpp>

namespace action_images {

/// Decides when the last prediction of a denoiser stands for the next one.
class ReusePolicy {
 public:
  virtual ~ReusePolicy() = default;
  /// A new run begins: everything is forgotten.
  virtual void restart() = 0;
  /// Asked in every step of a run but the first. True: the last prediction is used again.
  virtual bool reuse(const at::Tensor& latents, const at::Tensor& timestep) = 0;
  /// Told of every evaluation.
  virtual void evaluated(const at::Tensor& latents, const at::Tensor& timestep, const at::Tensor& prediction) = 0;
};

/// The release's rule (`--dynamic_cache_schedule`): if the last two predictions that were evaluated have a cosine
/// similarity, averaged over the batch, above a threshold, the last one is used for as many steps as stand beside the
/// threshold, and the step after them is evaluated.
struct CosineRule {
  double threshold;
  std::int64_t steps;
};
/// @param rules  the first that holds counts. @throws ValueError unless thresholds are in [-1, 1] and steps >= 1.
std::unique_ptr<ReusePolicy> cosine_policy(std::vector<CosineRule> rules = {{0.95, 4}, {0.93, 2}});

/// What policies share that add up an estimate of the change since the last evaluation.
struct ChangeOptions {
  double threshold = 0.05;    ///< relative change that is tolerated; 0: everything is evaluated
  std::int64_t warm_up = 3;   ///< evaluations at the start of a run before anything is used again, at least 1
  std::int64_t longest = 10;  ///< steps in a row that are not evaluated
};

/// EasyCache's criterion (Zhou et al. 2025, arXiv 2507.02860): the change of the prediction is estimated from that of
/// the latents by the rate |v - v'| / |x - x'| that the last two evaluations had. Needs nothing but the denoiser.
/// @throws ValueError for an option out of range.
std::unique_ptr<ReusePolicy> easy_policy(const ChangeOptions& options = {});

/// TeaCache's criterion (Liu et al. 2024, arXiv 2411.19108, Sec. 3.3): the relative L1 change of an indicator, mapped
/// by a polynomial that was fitted for a network. There, the indicator is the input as the time embedding modulates it.
struct TeaOptions {
  ChangeOptions change{.threshold = 0.1};
  Denoiser indicator{};                         ///< of (latents, timestep), any shape; empty: the latents
  std::vector<double> polynomial = {1.0, 0.0};  ///< coefficients, the highest power first
};
/// @throws ValueError for an option out of range.
std::unique_ptr<ReusePolicy> tea_policy(TeaOptions options = {});

/// How often a cache called its denoiser, and how often it did not.
struct StepCacheStatistics {
  std::int64_t evaluated = 0;
  std::int64_t reused = 0;
};

/// A denoiser that calls another one in some steps only. What it returns is not the exact solution: tests/sample/
/// step_cache_test.cpp measures the error on a model flow, and the statistics say what was saved.
///
/// Wrap the guided denoiser, as the release does: were its branches cached one by one, predictions of different steps
/// would meet in the difference that the guidance magnifies. A timestep that is not below the last one starts a new
/// run. Copies share their state, so that one can go into denoise() and the other be asked for statistics; one run at a
/// time.
class StepCache {
 public:
  /// @throws ValueError if the denoiser or the policy is empty.
  StepCache(Denoiser denoiser, std::unique_ptr<ReusePolicy> policy);

  at::Tensor operator()(const at::Tensor& latents, const at::Tensor& timestep) const;

  /// Over all runs.
  StepCacheStatistics statistics() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace action_images
