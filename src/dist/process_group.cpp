// SPDX-License-Identifier: Apache-2.0
#include <action_images/dist/process_group.hpp>

#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <action_images/core/check.hpp>

#include "process_group_impl.hpp"

namespace action_images {

namespace {

constexpr const char* where = "dist::ProcessGroup";

c10d::ReduceOp c10d_op(ReduceOp op) {
  switch (op) {
    case ReduceOp::minimum:
      return c10d::ReduceOp::MIN;
    case ReduceOp::maximum:
      return c10d::ReduceOp::MAX;
    default:
      return c10d::ReduceOp::SUM;
  }
}

void check_tensor(const at::Tensor& tensor, const char* argument) {
  check(tensor.defined() && tensor.is_contiguous(), where, argument, "a contiguous tensor",
        tensor.defined() ? "one with strides" : "an undefined one");
}

void check_parts(const at::Tensor& whole, const at::Tensor& part, int size) {
  check_tensor(whole, "whole");
  check_tensor(part, "part");
  check_shape(whole.numel() == part.numel() * size, where, "whole",
              text_of(size, " times the ", part.numel(), " values of a part"), {whole.numel()});
  check(whole.scalar_type() == part.scalar_type(), where, "whole", at::toString(part.scalar_type()),
        at::toString(whole.scalar_type()));
}

}  // namespace

ProcessGroup::Impl::Work ProcessGroup::Impl::begin(const std::string& name, const std::function<Work()>& issue) {
  try {
    Work work = issue();
    activity.begin(name, work.get(), [work] { return work->isCompleted(); });
    return work;
  } catch (const std::exception& error) {
    fail(name, error.what());
  }
}

void ProcessGroup::Impl::finish(const std::string& name, const Work& work) {
  try {
    work->wait();
    // Where there is a GPU, waiting may only have ordered its streams.
    if (!at::hasCUDA()) activity.end(work.get());
  } catch (const std::exception& error) {
    fail(name, error.what());
  }
}

// Newer torches call these by other names, which older ones lack.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
ProcessGroup::Impl::Work ProcessGroup::Impl::reduce_scatter(at::Tensor part, at::Tensor whole, ReduceOp op) const {
  c10d::ReduceScatterOptions options;
  options.reduceOp = c10d_op(op);
  return group->_reduce_scatter_base(part, whole, options);
}

ProcessGroup::Impl::Work ProcessGroup::Impl::all_gather(at::Tensor whole, at::Tensor part) const {
  return group->_allgather_base(whole, part);
}
#pragma GCC diagnostic pop

void ProcessGroup::Impl::fail(const std::string& name, const std::string& reason) {
  const std::string first_line = reason.substr(0, reason.find('\n'));
  std::function<void(const std::string&)> handler;
  {
    const std::scoped_lock lock(handler_mutex_);
    handler = handler_;
  }
  if (handler) handler(name + " failed: " + first_line);
  throw DistributedError(text_of('[', where, "] ", name, " failed in rank ", rank, " of ", size, ": ", first_line));
}

void ProcessGroup::Impl::on_failure(std::function<void(const std::string&)> handler) {
  const std::scoped_lock lock(handler_mutex_);
  handler_ = std::move(handler);
}

at::Device ProcessGroup::Impl::carrier(at::Device device) const {
  if (alone() || group->hasBackendForDeviceType(device.type())) return device;
  // A group for GPUs alone carries what lies in host memory too, and the other way round.
  return device.is_cpu() ? at::Device(at::kCUDA) : at::Device(at::kCPU);
}

ProcessGroup ProcessGroup::alone() { return ProcessGroup(std::make_shared<Impl>()); }

int ProcessGroup::rank() const { return impl_->rank; }
int ProcessGroup::size() const { return impl_->size; }
const std::string& ProcessGroup::backend() const { return impl_->backend; }

void ProcessGroup::all_reduce(at::Tensor tensor, ReduceOp op) const {
  check_tensor(tensor, "tensor");
  if (impl_->alone()) return;
  const at::NoGradGuard no_gradients;
  std::vector<at::Tensor> carried{tensor.to(impl_->carrier(tensor.device()))};
  impl_->run("all_reduce", [&] {
    c10d::AllreduceOptions options;
    options.reduceOp = c10d_op(op);
    return impl_->group->allreduce(carried, options);
  });
  if (op == ReduceOp::mean) carried[0].div_(impl_->size);
  if (!carried[0].is_same(tensor)) tensor.copy_(carried[0]);
}

void ProcessGroup::broadcast(at::Tensor tensor, int root) const {
  check_tensor(tensor, "tensor");
  check(root >= 0 && root < size(), where, "root", text_of("a rank below ", size()), root);
  if (impl_->alone()) return;
  const at::NoGradGuard no_gradients;
  std::vector<at::Tensor> carried{tensor.to(impl_->carrier(tensor.device()))};
  impl_->run("broadcast", [&] {
    c10d::BroadcastOptions options;
    options.rootRank = root;
    return impl_->group->broadcast(carried, options);
  });
  if (!carried[0].is_same(tensor)) tensor.copy_(carried[0]);
}

void ProcessGroup::reduce_scatter(at::Tensor output, at::Tensor input, ReduceOp op) const {
  check_parts(input, output, size());
  const at::NoGradGuard no_gradients;
  if (impl_->alone()) {
    output.view(-1).copy_(input.view(-1));
    return;
  }
  const at::Device carrier = impl_->carrier(input.device());
  at::Tensor whole = input.view(-1).to(carrier), part = output.view(-1).to(carrier);
  impl_->run("reduce_scatter", [&] { return impl_->reduce_scatter(part, whole, op); });
  if (op == ReduceOp::mean) part.div_(impl_->size);
  if (part.data_ptr() != output.data_ptr()) output.view(-1).copy_(part);
}

void ProcessGroup::all_gather(at::Tensor output, at::Tensor input) const {
  check_parts(output, input, size());
  const at::NoGradGuard no_gradients;
  if (impl_->alone()) {
    output.view(-1).copy_(input.view(-1));
    return;
  }
  const at::Device carrier = impl_->carrier(input.device());
  at::Tensor whole = output.view(-1).to(carrier), part = input.view(-1).to(carrier);
  impl_->run("all_gather", [&] { return impl_->all_gather(whole, part); });
  if (whole.data_ptr() != output.data_ptr()) output.view(-1).copy_(whole);
}

void ProcessGroup::barrier() const {
  if (impl_->alone()) return;
  // A reduction of one number, which every backend has and which, unlike c10d's own, needs no choice of a GPU.
  at::Tensor one = at::ones({1}, at::TensorOptions().device(impl_->carrier(at::kCPU)));
  std::vector<at::Tensor> carried{one};
  impl_->run("barrier", [&] { return impl_->group->allreduce(carried); });
  one.item<float>();  // on a GPU: wait for it
}

std::vector<std::string> ProcessGroup::gather(const std::string& text) const {
  if (impl_->alone()) return {text};
  const auto length = static_cast<std::int64_t>(text.size());
  at::Tensor lengths = at::empty({size()}, at::kLong);
  all_gather(lengths, at::full({1}, length, at::kLong));
  const std::int64_t longest = std::max<std::int64_t>(lengths.max().item<std::int64_t>(), 1);
  at::Tensor bytes = at::zeros({longest}, at::kByte), all = at::empty({size() * longest}, at::kByte);
  std::copy(text.begin(), text.end(), bytes.data_ptr<std::uint8_t>());
  all_gather(all, bytes);
  std::vector<std::string> texts;
  for (int rank = 0; rank < size(); ++rank) {
    const auto* first = all.data_ptr<std::uint8_t>() + rank * longest;
    texts.emplace_back(first, first + lengths[rank].item<std::int64_t>());
  }
  return texts;
}

}  // namespace action_images
