// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

#include <nlohmann/json.hpp>

#include <action_images/wan/config.hpp>
#include <action_images/world/network.hpp>

namespace action_images {

/// Floating-point operations of a forward and backward pass over one sample: 6 per parameter and token, and the products
/// of both attentions three times. What gradient checkpointing computes again does not count.
double training_flops(const WanConfig& config, std::int64_t parameters, std::int64_t tokens, std::int64_t text_tokens);

/// What a run does per second, between two logs.
class Throughput {
 public:
  void add(std::int64_t samples, std::int64_t tokens, double flops, double waited);

  /// {"samples_per_second", "tokens_per_second", "seconds_per_step", "loader_wait" (share), "memory_gb" (peak of the
  /// process), "mfu" if peak_tflops > 0}, of one process; starts again.
  nlohmann::json take(double peak_tflops);

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point since_ = Clock::now();
  std::int64_t steps_ = 0, samples_ = 0, tokens_ = 0;
  double flops_ = 0.0, waited_ = 0.0;
};

/// Tokens of a batch. @return of all samples together.
std::int64_t tokens_of(const WorldInputs& inputs, const WanConfig& config);

}  // namespace action_images
