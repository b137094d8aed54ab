// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>

#include <ATen/core/Tensor.h>

#include <action_images/dist/process_group.hpp>
#include <action_images/dist/sharding.hpp>
#include <action_images/nn/parameters.hpp>
#include <action_images/train/config.hpp>

namespace action_images {

/// This process's part in a step: the parameters that the network computes with, and those that the optimiser changes.
///
/// The optimiser's are in float32 (float64 for a float64 network). With ddp they are whole, and the same tensors as the
/// network's where those have that dtype; with zero1 and zero2 they are 1-D slices, other ones in every process.
class Replica {
 public:
  /// @param parameters  of the network, by name; all need gradients.
  /// @param exact       their values in float32, where they were cast from that.
  static std::unique_ptr<Replica> make(const Parameters::Named& parameters, const ProcessGroup& group, Parallel parallel,
                                       const TensorMap& exact = {});
  virtual ~Replica() = default;

  /// loss.backward(). @param last  of the passes of this step, after which the processes' gradients are averaged.
  virtual void backward(const at::Tensor& loss, bool last) = 0;

  /// What the optimiser changes.
  virtual const TensorMap& parameters() const = 0;
  /// The mean gradients of parameters(), scaled so that their norm over all processes is at most `limit`.
  /// @param norm  becomes the norm before; if it is not finite, nothing is scaled.
  virtual TensorMap gradients(double limit, double& norm) = 0;
  virtual void clear_gradients() = 0;
  /// Puts parameters() into the network.
  virtual void publish() = 0;

  /// Whole tensors of what is divided as parameters() are: a collective, for every process.
  virtual TensorMap whole(const TensorMap& parts) = 0;
  /// Which part of the whole each of parameters() is; none: the whole.
  virtual std::optional<std::map<std::string, ShardRange>> ranges() const { return std::nullopt; }
};

}  // namespace action_images
