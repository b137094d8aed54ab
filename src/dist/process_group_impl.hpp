// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <action_images/dist/process_group.hpp>

#include "activity.hpp"

namespace action_images {

/// What a ProcessGroup holds; seen by the sources of this layer only, so that users compile without c10d's headers.
struct ProcessGroup::Impl {
  using Store = c10::intrusive_ptr<c10d::Store>;
  using Work = c10::intrusive_ptr<c10d::Work>;

  int rank = 0;
  int size = 1;
  std::string backend = "alone";
  std::chrono::milliseconds timeout{0};
  c10::intrusive_ptr<c10d::ProcessGroup> group;             ///< none: alone
  std::function<Store(std::chrono::milliseconds)> connect;  ///< a connection to the store of its own, with this timeout
  Activity activity;
  std::atomic<int> mailboxes{0};  ///< made so far, so that two of one name do not share keys

  bool alone() const { return group == nullptr; }

  /// Begins a collective and notes it under that name.
  Work begin(const std::string& name, const std::function<Work()>& issue);
  /// Waits for one that was begun.
  void finish(const std::string& name, const Work& work);
  void run(const std::string& name, const std::function<Work()>& issue) { finish(name, begin(name, issue)); }

  /// c10d's collectives on flat tensors, begun. The mean is left to the caller.
  Work reduce_scatter(at::Tensor part, at::Tensor whole, ReduceOp op) const;
  Work all_gather(at::Tensor whole, at::Tensor part) const;

  /// Where tensors have to lie to be sent: `device`, or the device of the only backend.
  at::Device carrier(at::Device device) const;

  /// Called when a collective fails, before DistributedError is thrown; a watchdog finds out there whose fault it is.
  void on_failure(std::function<void(const std::string&)> handler);
  [[noreturn]] void fail(const std::string& name, const std::string& reason);

 private:
  std::mutex handler_mutex_;
  std::function<void(const std::string&)> handler_;
};

/// The backends; each throws ValueError where it was not built in.
/// @param device_index  of the GPU that this process uses.
c10::intrusive_ptr<c10d::Backend> gloo_backend(const ProcessGroup::Impl::Store& store, int rank, int size,
                                               std::chrono::milliseconds timeout);
c10::intrusive_ptr<c10d::Backend> nccl_backend(const ProcessGroup::Impl::Store& store, int rank, int size,
                                               std::chrono::milliseconds timeout);
bool built_with_gloo();
bool built_with_nccl();

}  // namespace action_images
