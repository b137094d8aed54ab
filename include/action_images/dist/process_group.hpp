// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <action_images/core/export.hpp>

namespace action_images {

/// Another process of the group has ended, hangs, or cannot be reached; not an error of an argument.
struct ACTION_IMAGES_EXPORT DistributedError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum class ReduceOp { sum, mean, minimum, maximum };

struct GroupOptions {
  /// "gloo", "nccl", or "auto": Gloo, and NCCL beside it for tensors on a GPU where there is one and NCCL was built in.
  std::string backend = "auto";
  double timeout = 600.0;  ///< of the start and of every collective [s]
};

/// The processes of one job, which talk to each other by torch's c10d. A handle: copies are the same group.
///
/// Every process calls the same collectives in the same order. They block (on a GPU: order the stream), and tensors are
/// contiguous, of the same shape and dtype in every process.
class ProcessGroup {
 public:
  /// This process alone: every collective is the identity.
  static ProcessGroup alone();

  /// The group that the environment describes, as torchrun does: RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT. Without
  /// WORLD_SIZE, or where it is 1, this process alone. Rank 0 serves the store unless torchrun does.
  /// @throws ValueError naming what is missing or wrong, or a backend that was not built in; DistributedError if the
  ///         others do not come in time.
  static ProcessGroup from_environment(const GroupOptions& options = {});

  /// The group that Python's torch.distributed has made under this name (`group.WORLD.group_name`): its backends are
  /// used.
  /// @throws ValueError if there is none.
  static ProcessGroup adopt(const std::string& name);

  int rank() const;
  int size() const;
  /// "alone", "gloo", "nccl", or "cpu:gloo,cuda:nccl".
  const std::string& backend() const;

  /// Replaces the tensor by its reduction over the processes. The mean is the sum divided by their number.
  /// @throws DistributedError if another process fails; so do the other collectives. ValueError if not contiguous.
  void all_reduce(at::Tensor tensor, ReduceOp op = ReduceOp::sum) const;
  /// Replaces the tensor by that of rank `root`.
  void broadcast(at::Tensor tensor, int root = 0) const;
  /// Reduces `input` (size() * n values) over the processes and keeps part rank() of it in `output` (n values).
  void reduce_scatter(at::Tensor output, at::Tensor input, ReduceOp op = ReduceOp::sum) const;
  /// Puts every rank's `input` (n values) one after the other into `output` (size() * n values).
  void all_gather(at::Tensor output, at::Tensor input) const;
  /// Returns when every process has called it.
  void barrier() const;
  /// Every rank's text, by rank, in every process.
  std::vector<std::string> gather(const std::string& text) const;

  struct Impl;
  /// For the layer `dist` itself.
  Impl& impl() const { return *impl_; }

 private:
  explicit ProcessGroup(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

  std::shared_ptr<Impl> impl_;
};

/// A channel of texts beside the collectives, through the group's store: another thread may use it at the same time.
/// Every process makes it in the same order and calls the same functions in the same order on it.
class Mailbox {
 public:
  /// @param name  the same in every process.
  Mailbox(const ProcessGroup& group, const std::string& name);
  ~Mailbox();
  Mailbox(Mailbox&&) noexcept;

  /// Every rank's text, by rank, in rank 0; empty in the others, which do not wait.
  /// @throws DistributedError if one does not come within the group's timeout; so does broadcast().
  std::vector<std::string> gather(const std::string& text);
  /// Rank 0's text, in every process.
  std::string broadcast(const std::string& text);

 private:
  struct Channel;
  std::unique_ptr<Channel> channel_;
};

}  // namespace action_images
