// SPDX-License-Identifier: Apache-2.0
#include <action_images/dist/data_parallel.hpp>

#include <type_traits>
#include <unordered_map>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include <action_images/core/check.hpp>

#include "process_group_impl.hpp"
#include "share_parameters.hpp"

namespace action_images {

namespace {

using Group = c10::intrusive_ptr<c10d::ProcessGroup>;
using Buckets = std::vector<std::vector<std::size_t>>;

// Sends a bucket so that the group knows what it waits for.
class MeanHook : public c10d::CppCommHookInterface<ProcessGroup::Impl*> {
 public:
  using CppCommHookInterface::CppCommHookInterface;

  c10::intrusive_ptr<c10::ivalue::Future> runHook(c10d::GradBucket& bucket) override {
    const auto size = state_->size;
    std::vector<at::Tensor> tensors{bucket.getBufferRef()};
    const auto work = state_->begin("all_reduce of gradients", [&] { return state_->group->allreduce(tensors); });
    return work->getFuture()->then(
        [tensors, size](c10::ivalue::Future& sum) {
          if (sum.hasError()) throw DistributedError(sum.tryRetrieveErrorMessage());
          const at::NoGradGuard no_gradients;
          return c10::IValue(at::Tensor(tensors[0]).div_(size));
        },
        c10::TensorType::get());
  }
};

// The Reducer warns once where no parameter was unused; here that is nothing to be changed.
class QuietWarnings {
 public:
  QuietWarnings() : guard_(&handler_) {}

 private:
  struct Handler : c10::WarningHandler {
    void process(const c10::Warning&) override {}
  } handler_;
  c10::WarningUtils::WarningHandlerGuard guard_;
};

// torch 2.11 to 2.13 differ in the constructor's last arguments.
template <typename Reducer = c10d::Reducer>
std::unique_ptr<Reducer> make_reducer(const std::vector<at::Tensor>& tensors, const Buckets& buckets,
                                      const Group& group, std::int64_t bytes) {
  const std::vector<bool> dense(tensors.size(), false);
  const std::unordered_map<std::size_t, std::string> names;
  // Buckets stay as they are, so that a resumed run adds in the same order as one that was not stopped.
  constexpr bool find_unused = true, as_view = true, skip_unused = false, python = false;
  if constexpr (std::is_constructible_v<Reducer, std::vector<at::Tensor>, Buckets, Group, std::vector<bool>,
                                        std::int64_t, bool, bool, std::unordered_map<std::size_t, std::string>,
                                        std::int64_t, bool, bool, std::vector<std::int64_t>>) {
    return std::make_unique<Reducer>(tensors, buckets, group, dense, bytes, find_unused, as_view, names, bytes,
                                     skip_unused, python, std::vector<std::int64_t>{});
  } else {
    return std::make_unique<Reducer>(tensors, buckets, group, dense, bytes, find_unused, as_view, names, bytes,
                                     skip_unused, python);
  }
}

// The last parameters get their gradients first, so their bucket is sent first.
Buckets buckets_of(const std::vector<at::Tensor>& tensors, std::int64_t bytes) {
  std::vector<at::Tensor> reversed(tensors.rbegin(), tensors.rend());
  Buckets buckets = std::get<0>(c10d::compute_bucket_assignment_by_size(reversed, {static_cast<std::size_t>(bytes)}));
  for (auto& bucket : buckets) {
    for (std::size_t& index : bucket) index = tensors.size() - 1 - index;
  }
  return buckets;
}

}  // namespace

struct DataParallel::Impl {
  ProcessGroup group;
  std::vector<at::Tensor> tensors;         // those that need gradients
  std::unique_ptr<c10d::Reducer> reducer;  // none: alone, or nothing to train
};

DataParallel::DataParallel(const Parameters::Named& parameters, const ProcessGroup& group,
                           const DataParallelOptions& options)
    : impl_(new Impl{.group = group, .tensors = {}, .reducer = nullptr}) {
  check(options.bucket_bytes > 0, "dist::DataParallel", "bucket_bytes", "at least 1", options.bucket_bytes);
  share_parameters(parameters, group);
  ProcessGroup::Impl& job = group.impl();
  for (const auto& [name, tensor] : trained(parameters)) impl_->tensors.push_back(tensor);
  if (job.alone() || impl_->tensors.empty()) return;
  impl_->reducer =
      make_reducer(impl_->tensors, buckets_of(impl_->tensors, options.bucket_bytes), job.group, options.bucket_bytes);
  impl_->reducer->register_comm_hook(std::make_unique<MeanHook>(&job));
}

DataParallel::~DataParallel() = default;

void DataParallel::backward(const at::Tensor& loss, bool last) {
  check(loss.defined() && loss.numel() == 1, "dist::DataParallel", "loss", "a scalar",
        loss.defined() ? shape_text(loss.sizes()) : "none");
  if (last && impl_->reducer != nullptr) {
    const QuietWarnings quiet;
    impl_->reducer->prepare_for_backward({loss});
  }
  try {
    loss.backward();
  } catch (const DistributedError& error) {
    impl_->group.impl().fail("all_reduce of gradients", error.what());
  } catch (const c10::DistError& error) {
    impl_->group.impl().fail("all_reduce of gradients", error.what_without_backtrace());
  }
}

}  // namespace action_images
