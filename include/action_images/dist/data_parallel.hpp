// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include <ATen/core/Tensor.h>

#include <action_images/dist/process_group.hpp>
#include <action_images/nn/parameters.hpp>

namespace action_images {

struct DataParallelOptions {
  std::int64_t bucket_bytes = 25 << 20;  ///< gradients are sent in buckets of about this size [byte]
};

/// The same network in every process, each of which sees a part of the batch: gradients become their mean over the
/// processes, by c10d's Reducer, while the backward pass still runs.
///
/// Parameters may go unused, others in every process. One that no process used keeps an undefined (or its old)
/// gradient.
class DataParallel {
 public:
  /// Gives every process rank 0's values.
  /// @param parameters  in the order in which the forward pass uses them; float32, float64, bfloat16 or float16. Those
  ///                    that need no gradient are given rank 0's values too.
  /// @throws DistributedError also if the processes have other parameters.
  DataParallel(const Parameters::Named& parameters, const ProcessGroup& group, const DataParallelOptions& options = {});
  ~DataParallel();

  /// loss.backward(). With `last` the gradients that have gathered in this process since the last such call become
  /// their mean over the processes; without, they only add up here (gradient accumulation).
  /// @param loss  a scalar, of this process's part of the batch.
  void backward(const at::Tensor& loss, bool last = true);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace action_images
