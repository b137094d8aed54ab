// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/optimizer.hpp>

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <action_images/core/check.hpp>
#include <action_images/tensor/prefix.hpp>

namespace action_images {

Optimizer::Optimizer(TensorMap parameters, const OptimizerOptions& options)
    : parameters_(std::move(parameters)), options_(options), steps_(at::zeros({}, at::kFloat)) {
  for (const auto& [name, parameter] : parameters_) {
    if (uses_muon(name)) {
      momentum_[name] = at::zeros_like(parameter);
    } else if (options_.kind == OptimizerOptions::Kind::sgd) {
      if (options_.momentum > 0) momentum_[name] = at::zeros_like(parameter);
    } else {
      exp_avg_[name] = at::zeros_like(parameter);
      exp_avg_sq_[name] = at::zeros_like(parameter);
    }
  }
}

bool Optimizer::uses_muon(const std::string& name) const {
  const bool in_block = name.rfind("transformer.blocks.", 0) == 0;
  return options_.muon_learning_rate > 0 && in_block && parameters_.at(name).dim() == 2;
}

void Optimizer::step(const TensorMap& gradients, double scale) {
  const at::NoGradGuard no_gradients;
  steps_.add_(1);
  std::vector<std::string> adamw_names;
  for (const auto& [name, gradient] : gradients) {
    if (uses_muon(name)) {
      step_muon(name, gradient, options_.muon_learning_rate * scale);
    } else if (options_.kind == OptimizerOptions::Kind::sgd) {
      step_sgd(name, gradient, options_.learning_rate * scale);
    } else {
      adamw_names.push_back(name);
    }
  }
  step_adamw(adamw_names, gradients, options_.learning_rate * scale);
}

void Optimizer::step_muon(const std::string& name, const at::Tensor& gradient, double learning_rate) {
  at::Tensor& parameter = parameters_.at(name);
  at::Tensor& momentum = momentum_.at(name);
  momentum.lerp_(gradient, 1.0 - options_.muon_momentum);
  const at::Tensor update = orthogonalized(gradient.lerp(momentum, options_.muon_momentum));  // Nesterov
  const double aspect = static_cast<double>(parameter.size(0)) / static_cast<double>(parameter.size(1));
  parameter.mul_(1.0 - learning_rate * options_.weight_decay);
  parameter.add_(update, -learning_rate * std::sqrt(std::max(1.0, aspect)));
}

void Optimizer::step_sgd(const std::string& name, const at::Tensor& gradient, double learning_rate) {
  at::Tensor& parameter = parameters_.at(name);
  at::Tensor update = gradient.to(parameter.scalar_type()).add(parameter, options_.weight_decay);
  if (options_.momentum > 0) update = momentum_.at(name).mul_(options_.momentum).add_(update);
  parameter.sub_(update, learning_rate);
}

void Optimizer::step_adamw(const std::vector<std::string>& names, const TensorMap& gradients, double learning_rate) {
  std::vector<at::Tensor> parameters, gradient_list, averages, squares, steps;
  for (const std::string& name : names) {
    parameters.push_back(parameters_.at(name));
    gradient_list.push_back(gradients.at(name));
    averages.push_back(exp_avg_.at(name));
    squares.push_back(exp_avg_sq_.at(name));
    steps.push_back(steps_);
  }
  if (parameters.empty()) return;
  at::_fused_adamw_(parameters, gradient_list, averages, squares, {}, steps, learning_rate, options_.beta1, options_.beta2,
                    options_.weight_decay, options_.epsilon, /*amsgrad=*/false, /*maximize=*/false);
}

TensorMap Optimizer::state() const {
  TensorMap state = with_prefix(momentum_, "momentum.");
  state.merge(with_prefix(exp_avg_, "exp_avg."));
  state.merge(with_prefix(exp_avg_sq_, "exp_avg_sq."));
  state["steps"] = steps_;
  return state;
}

void Optimizer::load(const TensorMap& state) {
  const at::NoGradGuard no_gradients;
  TensorMap own = this->state();
  for (auto& [name, tensor] : own) {
    const auto found = state.find(name);
    check<FormatError>(found != state.end() && found->second.sizes() == tensor.sizes(), "train::Optimizer::load", name,
                       "a tensor of this size", found == state.end() ? "none" : shape_text(found->second.sizes()));
    tensor.copy_(found->second);
  }
}

at::Tensor orthogonalized(const at::Tensor& matrix) {
  const bool tall = matrix.size(0) > matrix.size(1);
  at::Tensor x = (tall ? matrix.t() : matrix).to(at::kBFloat16);
  x = x / (x.norm() + 1e-7);
  for (int i = 0; i < 5; ++i) {
    const at::Tensor gram = x.matmul(x.t());
    x = 3.4445 * x + at::addmm(gram, gram, gram, -4.7750, 2.0315).matmul(x);
  }
  return (tall ? x.t() : x).to(matrix.scalar_type());
}

double clip_gradient_norm(TensorMap& gradients, double limit) {
  std::vector<at::Tensor> norms;
  for (const auto& [name, gradient] : gradients) norms.push_back(gradient.norm());
  const double norm = norms.empty() ? 0.0 : at::stack(norms).norm().item<double>();
  if (norm > limit) {
    for (auto& [name, gradient] : gradients) gradient.mul_(limit / (norm + 1e-6));
  }
  return norm;
}

}  // namespace action_images
