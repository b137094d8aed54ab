// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include <action_images/tensor/tensor_map.hpp>

namespace action_images {

/// How a fresh parameter is filled. With the weight seen as a matrix (rows, columns) = (shape[0], the rest):
enum class Init {
  zeros,
  ones,
  identity,      ///< 1 on the diagonal of a square matrix, 0 elsewhere
  normal_002,    ///< normal, standard deviation 0.02
  normal_width,  ///< normal, standard deviation 1 / sqrt(size of the last axis)
  xavier,        ///< uniform in +-sqrt(6 / (rows + columns))
  kaiming,       ///< normal, standard deviation sqrt(2 / columns)
};

/// The named tensors of one network, in the order in which it declares them.
///
/// A network declares its parameters once and keeps the handles; load(), initialize() and to() change what the handles
/// hold, in place. Parameters that are declared with a random Init hold zeros until initialize() or load().
class Parameters {
 public:
  using Named = std::vector<std::pair<std::string, at::Tensor>>;

  /// Parameters of its own, in this dtype.
  explicit Parameters(at::ScalarType dtype = at::kFloat) : dtype_(dtype) {}

  /// Parameters over tensors that somebody else owns: declare() looks them up, without a copy and with their autograd
  /// history, and finish() says whether they fit. A mapped checkpoint can so be used as it lies, and a Python module can
  /// own the weights.
  explicit Parameters(TensorMap tensors) : existing_(std::move(tensors)) {}

  /// Whether somebody else owns the tensors.
  bool borrowed() const { return existing_.has_value(); }

  Parameters(Parameters&&) = default;
  Parameters& operator=(Parameters&&) = default;

  /// Adds a parameter. @throws ValueError if the name is taken.
  at::Tensor declare(const std::string& name, at::IntArrayRef shape, Init init);

  /// Called by a network when it has declared all its parameters.
  /// @throws FormatError that lists all missing, unexpected and mis-shaped names of existing tensors together.
  void finish() const;

  const Named& named() const { return named_; }

  /// The parameter of that name. @throws ValueError if there is none.
  const at::Tensor& at(const std::string& name) const;

  /// Detached views of all parameters: they share memory with them.
  TensorMap state() const;

  /// Copies tensors into the parameters, cast to the parameters' dtype and device.
  /// @throws FormatError that lists all missing, unexpected and mis-shaped names together; nothing is copied then.
  void load(const TensorMap& tensors);

  /// Fills every parameter as its Init says: the same seed gives the same weights, in every dtype and on every device.
  void initialize(std::uint64_t seed);

  /// Casts floating-point parameters; gradients are dropped.
  void to(at::ScalarType dtype);
  /// Moves the parameters to a device; gradients are dropped.
  void to(at::Device device);

  void requires_grad(bool on);

  /// Number of values in all parameters.
  std::int64_t count() const;

 private:
  at::Tensor adopt(const std::string& name, at::IntArrayRef shape) const;
  void check_fit(const TensorMap& tensors, std::string_view where) const;

  at::ScalarType dtype_ = at::kFloat;
  std::optional<TensorMap> existing_;
  Named named_;
  std::vector<Init> inits_;
};

/// A prefix in a Parameters: Scope(parameters) / "blocks" / 3 / "self_attn" names "blocks.3.self_attn.".
class Scope {
 public:
  explicit Scope(Parameters& parameters, std::string prefix = {})
      : parameters_(&parameters), prefix_(std::move(prefix)) {}

  Scope operator/(std::string_view name) const { return Scope(*parameters_, prefix_ + std::string(name) + '.'); }
  Scope operator/(std::int64_t index) const { return *this / std::string_view(std::to_string(index)); }

  /// Declares a parameter below this prefix.
  at::Tensor parameter(std::string_view name, at::IntArrayRef shape, Init init) const {
    return parameters_->declare(prefix_ + std::string(name), shape, init);
  }

 private:
  Parameters* parameters_;
  std::string prefix_;
};

}  // namespace action_images
