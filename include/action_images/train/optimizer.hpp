// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <action_images/tensor/tensor_map.hpp>

namespace action_images {

struct OptimizerOptions {
  enum class Kind {
    adamw,
    sgd  ///< with momentum: v <- momentum v + g + weight_decay p;  p <- p - learning_rate v
  };
  Kind kind = Kind::adamw;
  double learning_rate = 1.5e-3;  ///< of AdamW, or SGD
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double weight_decay = 0.01;      ///< decoupled, of both
  double momentum = 0.0;           ///< of SGD
  double muon_learning_rate = 0.0; ///< of Muon, for the matrices of the transformer's blocks; 0: AdamW for all
  double muon_momentum = 0.95;
};

/// AdamW (Loshchilov and Hutter, 2019) or SGD, with Muon (Jordan et al., 2024: momentum orthogonalised by Newton-Schulz steps) for
/// the matrices inside transformer blocks where `muon_learning_rate` is set.
class Optimizer {
 public:
  /// @param parameters  by name, float32 or float64; changed in place by step(). Without Muon, parts of parameters do too:
  ///                    all else is by element.
  Optimizer(TensorMap parameters, const OptimizerOptions& options);

  /// One update. @param gradients  by name; parameters without one are left.  @param scale  of both learning rates.
  void step(const TensorMap& gradients, double scale);

  /// Moments by name ("momentum.", "exp_avg.", "exp_avg_sq.") and "steps".
  TensorMap state() const;
  void load(const TensorMap& state);

 private:
  bool uses_muon(const std::string& name) const;
  void step_muon(const std::string& name, const at::Tensor& gradient, double learning_rate);
  void step_sgd(const std::string& name, const at::Tensor& gradient, double learning_rate);
  void step_adamw(const std::vector<std::string>& names, const TensorMap& gradients, double learning_rate);

  TensorMap parameters_;
  OptimizerOptions options_;
  TensorMap momentum_, exp_avg_, exp_avg_sq_;
  at::Tensor steps_;  // float32 scalar
};

/// The nearest matrix with orthonormal rows or columns, roughly: five quintic Newton-Schulz steps in bfloat16, after which
/// singular values lie between about 0.7 and 1.2. @param matrix (m, n)
at::Tensor orthogonalized(const at::Tensor& matrix);

/// Scales gradients in place so that their joint norm is at most `limit`; returns the norm before.
double clip_gradient_norm(TensorMap& gradients, double limit);

}  // namespace action_images
