// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <action_images/dist/process_group.hpp>
#include <action_images/nn/parameters.hpp>
#include <action_images/tensor/tensor_map.hpp>

namespace action_images {

/// What the processes hold a part of, each its own; the parameters are whole in every process.
enum class ShardingStage {
  optimizer,  ///< ZeRO-1: the optimiser's state. Gradients add up whole and are reduced in the last backward pass.
  gradients,  ///< ZeRO-2: gradients too. They are reduced in every backward pass and never whole for long.
};

struct ShardingOptions {
  ShardingStage stage = ShardingStage::gradients;
  std::int64_t bucket_bytes = 50 << 20;  ///< of gradients in `dtype` that are sent together [byte]
  /// Of the slices of parameters and gradients, and of the reduction. None: float64 for float64 parameters, else
  /// float32.
  std::optional<at::ScalarType> dtype = {};
};

/// The values [start, stop) of a flattened tensor.
struct ShardRange {
  std::int64_t start = 0;
  std::int64_t stop = 0;
  std::vector<std::int64_t> shape;  ///< of the whole tensor
};

/// The optimiser's work divided over the processes (Rajbhandari et al. 2020, ZeRO, stages 1 and 2).
///
/// Parameters that need gradients lie flat in buckets; every process owns an equal slice of each bucket, and with it a
/// range of some parameters. A step is:
///   backward(loss) ...; clip_gradient_norm(1.0); optimizer.step(gradients()) on slices(); update_parameters();
///   clear_gradients().
/// The optimiser works on 1-D slices, so it has to treat every value by itself (SGD, Adam, AdamW; not Muon).
class Sharding {
 public:
  /// Gives every process rank 0's values.
  /// @param parameters  in the order in which the forward pass uses them; one device, floating point, contiguous.
  Sharding(const Parameters::Named& parameters, const ProcessGroup& group, const ShardingOptions& options = {});
  ~Sharding();

  /// loss.backward(), with the mean of the gradients over the processes added to gradients(). The parameters' own
  /// gradients are undefined afterwards, except in ZeRO-1 before the last pass.
  /// @param loss  a scalar, of this process's part of the batch.  @param last  of the passes of this step.
  void backward(const at::Tensor& loss, bool last = true);

  /// This process's slices of the parameters, 1-D, by name: the values that an optimiser changes in place. Made from
  /// the parameters; more exact ones (float32 for a bfloat16 network) may be copied into them.
  const TensorMap& slices() const;
  /// The gradients of slices(), without those of parameters that no process used. Valid after the last backward pass.
  TensorMap gradients() const;
  /// The range of every slice.
  const std::map<std::string, ShardRange>& ranges() const;

  /// Scales the gradients so that their norm over all processes is at most `limit`; returns the norm before, the same
  /// in every process. Not finite: nothing is scaled.
  double clip_gradient_norm(double limit);
  void clear_gradients();

  /// Puts the slices of all processes together into the parameters, in the parameters' dtype.
  void update_parameters();
  /// The same for other tensors that are sliced as the parameters are (an average): `slices` by name as slices(),
  /// `targets` by name with the parameters' shapes.
  void gather(const TensorMap& slices, const TensorMap& targets);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace action_images
