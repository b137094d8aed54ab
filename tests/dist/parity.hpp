// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>

#include <action_images/core/check.hpp>
#include <action_images/dist/data_parallel.hpp>
#include <action_images/dist/sharding.hpp>
#include <action_images/nn/parameters.hpp>

/// A small network trained by SGD with weight decay and clipped gradients, in processes and in one.
namespace action_images::testing {

enum class Mode { data_parallel, zero1, zero2 };

struct Run {
  Mode mode;
  int passes;   ///< backward passes of a step
  bool unused;  ///< a parameter is used by odd ranks only, in step 2 only in the first pass, and in step 1 by none
  at::ScalarType dtype;
};

inline std::ostream& operator<<(std::ostream& stream, const Run& run) {
  static const char* names[] = {"data parallel", "ZeRO-1", "ZeRO-2"};
  return stream << names[static_cast<int>(run.mode)] << ", " << run.passes << " passes, "
                << (run.unused ? "unused parameters, " : "") << at::toString(run.dtype);
}

struct Outcome {
  std::vector<double> losses;
  TensorMap weights;
};

constexpr int steps_of_run = 4;
constexpr double rate = 0.1, decay = 0.01, norm_limit = 0.5;

inline Parameters make_network(at::ScalarType dtype, std::uint64_t seed) {
  Parameters parameters(dtype);
  parameters.declare("first.weight", {7, 6}, Init::xavier);
  parameters.declare("first.bias", {6}, Init::normal_002);
  parameters.declare("spare", {5}, Init::ones);
  parameters.declare("never", {4}, Init::ones);
  parameters.declare("second.weight", {6, 3}, Init::xavier);
  parameters.declare("second.scale", {}, Init::ones);
  parameters.initialize(seed);
  parameters.requires_grad(true);
  return parameters;
}

/// The loss of one rank's part of the batch of one pass.
inline at::Tensor loss_of(const Parameters& network, const Run& run, int step, int pass, int rank) {
  auto generator = at::detail::createCPUGenerator(static_cast<std::uint64_t>(1000 * step + 100 * pass + rank));
  const at::Tensor x = at::randn({4, 7}, generator, at::TensorOptions().dtype(at::kDouble)).to(run.dtype);
  const at::Tensor y = at::randn({4, 3}, generator, at::TensorOptions().dtype(at::kDouble)).to(run.dtype);
  const at::Tensor hidden = (x.matmul(network.at("first.weight")) + network.at("first.bias")).tanh();
  at::Tensor loss = (hidden.matmul(network.at("second.weight")) * network.at("second.scale") - y).square().mean();
  const bool uses_spare = rank % 2 == 1 && step != 1 && (step != 2 || pass == 0);
  if (!run.unused || uses_spare) loss = loss + 0.1 * network.at("spare").sin().sum();
  return loss / run.passes;
}

inline void descend(const TensorMap& values, const TensorMap& gradients, double norm) {
  const at::NoGradGuard no_gradients;
  const double scale = norm > norm_limit ? norm_limit / (norm + 1e-6) : 1.0;
  for (const auto& [name, gradient] : gradients) {
    const at::Tensor& value = values.at(name);
    value.sub_(rate * (scale * gradient + decay * value));
  }
}

/// The gradients of a network, taken out of it.
inline TensorMap take_gradients(const Parameters& network) {
  TensorMap gradients;
  for (const auto& [name, tensor] : network.named()) {
    if (tensor.grad().defined()) gradients[name] = tensor.grad().clone();
    tensor.mutable_grad().reset();
  }
  return gradients;
}

inline double norm_of(const TensorMap& gradients) {
  double squares = 0.0;
  for (const auto& [name, gradient] : gradients) squares += gradient.to(at::kDouble).square().sum().item<double>();
  return std::sqrt(squares);
}

/// The same steps in one process, over the batches of `ranks`.
inline Outcome train_alone(const Run& run, int ranks) {
  const Parameters network = make_network(run.dtype, 1);
  Outcome outcome;
  for (int step = 0; step < steps_of_run; ++step) {
    double sum = 0.0;
    for (int pass = 0; pass < run.passes; ++pass) {
      for (int rank = 0; rank < ranks; ++rank) {
        const at::Tensor loss = loss_of(network, run, step, pass, rank) / ranks;
        sum += loss.item<double>();
        loss.backward();
      }
    }
    outcome.losses.push_back(sum);
    const TensorMap gradients = take_gradients(network);
    descend(network.state(), gradients, norm_of(gradients));
  }
  outcome.weights = network.state();
  return outcome;
}

inline Outcome train(const Run& run, const ProcessGroup& group) {
  // Other weights in every process, which then get rank 0's; small buckets, so that there are several.
  const Parameters network = make_network(run.dtype, static_cast<std::uint64_t>(group.rank()) + 1);
  std::optional<DataParallel> parallel;
  std::optional<Sharding> sharding;
  if (run.mode == Mode::data_parallel) {
    parallel.emplace(network.named(), group, DataParallelOptions{.bucket_bytes = 100});
  } else {
    const auto stage = run.mode == Mode::zero1 ? ShardingStage::optimizer : ShardingStage::gradients;
    sharding.emplace(network.named(), group, ShardingOptions{.stage = stage, .bucket_bytes = 100});
  }
  Outcome outcome;
  for (int step = 0; step < steps_of_run; ++step) {
    at::Tensor sum = at::zeros({1}, at::kDouble);
    for (int pass = 0; pass < run.passes; ++pass) {
      const at::Tensor loss = loss_of(network, run, step, pass, group.rank());
      sum += loss.item<double>();
      const bool last = pass + 1 == run.passes;
      parallel ? parallel->backward(loss, last) : sharding->backward(loss, last);
    }
    group.all_reduce(sum, ReduceOp::mean);
    outcome.losses.push_back(sum.item<double>());
    if (parallel) {
      const TensorMap gradients = take_gradients(network);
      descend(network.state(), gradients, norm_of(gradients));
    } else {
      const double norm = sharding->clip_gradient_norm(norm_limit);
      descend(sharding->slices(), sharding->gradients(), std::min(norm, norm_limit));
      sharding->update_parameters();
      sharding->clear_gradients();
    }
  }
  outcome.weights = network.state();
  return outcome;
}

/// What differs by more than `tolerance`; empty: nothing.
inline std::string difference(const Outcome& got, const Outcome& expected, double tolerance) {
  for (std::size_t step = 0; step < expected.losses.size(); ++step) {
    if (std::abs(got.losses[step] - expected.losses[step]) > tolerance) {
      return text_of("the loss of step ", step, " is ", got.losses[step], " and not ", expected.losses[step]);
    }
  }
  for (const auto& [name, weight] : expected.weights) {
    const double largest = (got.weights.at(name) - weight).abs().max().item<double>();
    if (largest > tolerance) return text_of(name, " differs by ", largest);
  }
  return {};
}

}  // namespace action_images::testing
