// SPDX-License-Identifier: Apache-2.0
#include <action_images/dist/sharding.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <action_images/core/check.hpp>

#include "backward_graph.hpp"
#include "flat_buckets.hpp"
#include "process_group_impl.hpp"
#include "share_parameters.hpp"

namespace action_images {

namespace {

constexpr const char* where = "dist::Sharding";
constexpr const char* reduction = "reduce_scatter of gradients";
constexpr std::size_t in_flight = 2;  // buckets that are sent at the same time, at most

// A bucket with this process's part of it.
struct Bucket : FlatBucket {
  explicit Bucket(FlatBucket&& flat) : FlatBucket(std::move(flat)) {}

  at::Tensor values;    // [part]
  at::Tensor gradient;  // [part]: the mean over the processes, added up over backward passes
  // During a backward pass:
  std::size_t missing = 0;  // entries whose gradients have not come
  at::Tensor whole;         // [size * part]: this process's gradients
  at::Tensor received;      // [part]: their sum over the processes
  ProcessGroup::Impl::Work work;
};

at::ScalarType slice_dtype(const Parameters::Named& parameters, const ShardingOptions& options) {
  if (options.dtype) return *options.dtype;
  const bool wide = std::any_of(parameters.begin(), parameters.end(),
                                [](const auto& named) { return named.second.scalar_type() == at::kDouble; });
  return wide ? at::kDouble : at::kFloat;
}

}  // namespace

struct Sharding::Impl {
  Impl(const Parameters::Named& all, const ProcessGroup& job, const ShardingOptions& wanted);
  ~Impl();

  void make_slices();
  void listen();
  void begin_pass(const at::Tensor& loss);
  void end_pass();
  void gradient_came(std::size_t parameter);
  void send(Bucket& bucket);
  void receive(Bucket& bucket);

  ProcessGroup group;
  ShardingOptions options;
  Parameters::Named parameters;  // those that need gradients
  TensorMap targets;             // the same by name
  at::TensorOptions slice_options;
  std::vector<Bucket> buckets;
  std::vector<std::size_t> bucket_of;  // of each parameter
  std::vector<FlatBucket::Entry> entry_of;
  TensorMap slices, gradients;
  std::map<std::string, ShardRange> ranges;
  std::vector<const torch::autograd::Node*> accumulators;
  std::vector<std::function<void()>> unhook;  // each keeps its accumulator alive
  // Of the running backward pass. Hooks run one after the other: all parameters are on one device.
  bool listening = false;
  std::vector<bool> came;
  std::size_t next_sent = 0, next_received = 0;
  at::Tensor used;  // int32 [parameters]: 1 where some process had a gradient in this step
};

Sharding::Impl::Impl(const Parameters::Named& all, const ProcessGroup& job, const ShardingOptions& wanted)
    : group(job), options(wanted), parameters(trained(all)) {
  check(options.bucket_bytes > 0, where, "bucket_bytes", "at least 1", options.bucket_bytes);
  check(!parameters.empty(), where, "parameters", "some that need gradients", "none");
  const at::Device device = parameters.front().second.device();
  for (const auto& [name, tensor] : parameters) {
    check(tensor.device() == device, where, name, text_of("a parameter on ", device), tensor.device());
    check(targets.emplace(name, tensor.detach()).second, where, "parameters", "names that differ", name);
  }
  check(group.impl().carrier(device) == device, where, "parameters",
        text_of("tensors that ", group.backend(), " carries"), device);
  share_parameters(all, group);
  slice_options = at::TensorOptions().device(device).dtype(slice_dtype(parameters, options));
  const auto bucket_values = options.bucket_bytes / static_cast<std::int64_t>(slice_options.dtype().itemsize());
  for (FlatBucket& flat : flat_buckets(parameters, bucket_values, group.size())) buckets.emplace_back(std::move(flat));
  used = at::zeros({static_cast<std::int64_t>(parameters.size())}, at::kInt);
  make_slices();
  listen();
}

Sharding::Impl::~Impl() {
  for (const auto& remove : unhook) remove();
}

void Sharding::Impl::make_slices() {
  const at::NoGradGuard no_gradients;
  bucket_of.resize(parameters.size());
  entry_of.resize(parameters.size());
  for (std::size_t index = 0; index < buckets.size(); ++index) {
    Bucket& bucket = buckets[index];
    bucket.values = at::zeros({bucket.part}, slice_options);
    bucket.gradient = at::zeros({bucket.part}, slice_options);
    for (const FlatBucket::Entry& entry : bucket.entries) {
      bucket_of[entry.parameter] = index;
      entry_of[entry.parameter] = entry;
      const auto [start, stop, place] = bucket.overlap(entry, group.rank());
      if (start == stop) continue;
      const auto& [name, tensor] = parameters[entry.parameter];
      slices[name] = bucket.values.slice(0, place, place + stop - start);
      slices[name].copy_(tensor.view(-1).slice(0, start, stop));
      gradients[name] = bucket.gradient.slice(0, place, place + stop - start);
      ranges[name] = {start, stop, tensor.sizes().vec()};
    }
  }
}

void Sharding::Impl::listen() {
  for (std::size_t index = 0; index < parameters.size(); ++index) {
    const auto accumulator = torch::autograd::impl::grad_accumulator(parameters[index].second);
    using torch::autograd::variable_list;
    const auto key = accumulator->add_post_hook(std::make_unique<torch::autograd::utils::LambdaPostHook>(
        [this, index](const variable_list& outputs, const variable_list&) {
          if (listening) gradient_came(index);
          return outputs;
        }));
    accumulators.push_back(accumulator.get());
    unhook.emplace_back([accumulator, key] { accumulator->del_post_hook(key); });
  }
}

void Sharding::Impl::begin_pass(const at::Tensor& loss) {
  came.assign(parameters.size(), false);
  next_sent = next_received = 0;
  for (Bucket& bucket : buckets) {
    bucket.missing = bucket.entries.size();
    bucket.whole = at::Tensor();
  }
  // What this pass will not reach is done already; the rest comes by the hooks.
  const auto reached = reached_nodes(loss);
  for (std::size_t index = 0; index < parameters.size(); ++index) {
    if (reached.count(accumulators[index]) == 0) gradient_came(index);
  }
}

void Sharding::Impl::gradient_came(std::size_t parameter) {
  const at::NoGradGuard no_gradients;
  const auto& [name, tensor] = parameters[parameter];
  check(!came[parameter], where, name, "one gradient in a backward pass", "a second one");
  came[parameter] = true;
  Bucket& bucket = buckets[bucket_of[parameter]];
  if (!bucket.whole.defined()) bucket.whole = at::zeros({bucket.part * group.size()}, slice_options);
  at::Tensor& gradient = tensor.mutable_grad();
  if (gradient.defined()) {
    const FlatBucket::Entry& entry = entry_of[parameter];
    bucket.whole.slice(0, entry.offset, entry.offset + entry.count).copy_(gradient.reshape(-1));
    used[static_cast<std::int64_t>(parameter)] = 1;
    gradient.reset();
  }
  --bucket.missing;
  // Always in the same order, whatever order the gradients come in: every process sends the same bucket.
  while (next_sent < buckets.size() && buckets[next_sent].missing == 0) {
    send(buckets[next_sent++]);
    while (next_sent - next_received > in_flight) receive(buckets[next_received++]);
  }
}

void Sharding::Impl::send(Bucket& bucket) {
  ProcessGroup::Impl& job = group.impl();
  if (job.alone()) return;
  bucket.received = at::empty({bucket.part}, slice_options);
  bucket.work = job.begin(reduction, [&] { return job.reduce_scatter(bucket.received, bucket.whole, ReduceOp::sum); });
}

void Sharding::Impl::receive(Bucket& bucket) {
  const at::NoGradGuard no_gradients;
  if (group.impl().alone()) {
    bucket.gradient.add_(bucket.whole);
  } else {
    group.impl().finish(reduction, bucket.work);
    bucket.gradient.add_(bucket.received.div_(group.size()));
  }
  bucket.whole = bucket.received = at::Tensor();
  bucket.work.reset();
}

void Sharding::Impl::end_pass() {
  for (std::size_t index = 0; index < parameters.size(); ++index) {
    if (!came[index]) gradient_came(index);
  }
  while (next_received < buckets.size()) receive(buckets[next_received++]);
}

Sharding::Sharding(const Parameters::Named& parameters, const ProcessGroup& group, const ShardingOptions& options)
    : impl_(std::make_unique<Impl>(parameters, group, options)) {}

Sharding::~Sharding() = default;

void Sharding::backward(const at::Tensor& loss, bool last) {
  check(loss.defined() && loss.numel() == 1, where, "loss", "a scalar",
        loss.defined() ? shape_text(loss.sizes()) : "none");
  if (!last && impl_->options.stage == ShardingStage::optimizer) {
    loss.backward();
    return;
  }
  const auto stop_listening = [](Impl* impl) { impl->listening = false; };
  {
    const std::unique_ptr<Impl, decltype(stop_listening)> listening(impl_.get(), stop_listening);
    impl_->begin_pass(loss);
    impl_->listening = true;
    loss.backward();
  }
  impl_->end_pass();
  if (last) impl_->group.all_reduce(impl_->used, ReduceOp::maximum);
}

const TensorMap& Sharding::slices() const { return impl_->slices; }
const std::map<std::string, ShardRange>& Sharding::ranges() const { return impl_->ranges; }

TensorMap Sharding::gradients() const {
  TensorMap used;
  const auto* flags = impl_->used.data_ptr<int>();
  for (std::size_t index = 0; index < impl_->parameters.size(); ++index) {
    const auto found = impl_->gradients.find(impl_->parameters[index].first);
    if (flags[index] != 0 && found != impl_->gradients.end()) used.insert(*found);
  }
  return used;
}

double Sharding::clip_gradient_norm(double limit) {
  const at::NoGradGuard no_gradients;
  check(limit > 0, where, "limit", "above 0", limit);
  at::Tensor squares = at::zeros({1}, impl_->slice_options.dtype(at::kDouble));
  for (const Bucket& bucket : impl_->buckets) {
    squares.add_(at::linalg_vector_norm(bucket.gradient, 2, std::nullopt, false, at::kDouble).square());
  }
  impl_->group.all_reduce(squares);
  const double norm = std::sqrt(squares.item<double>());
  if (std::isfinite(norm) && norm > limit) {
    for (Bucket& bucket : impl_->buckets) bucket.gradient.mul_(limit / (norm + 1e-6));
  }
  return norm;
}

void Sharding::clear_gradients() {
  const at::NoGradGuard no_gradients;
  for (Bucket& bucket : impl_->buckets) bucket.gradient.zero_();
  for (const auto& [name, tensor] : impl_->parameters) tensor.mutable_grad().reset();
  impl_->used.zero_();
}

void Sharding::update_parameters() { gather(impl_->slices, impl_->targets); }

void Sharding::gather(const TensorMap& slices, const TensorMap& targets) {
  const at::NoGradGuard no_gradients;
  const auto find = [](const TensorMap& tensors, const std::string& name) -> const at::Tensor& {
    const auto found = tensors.find(name);
    check(found != tensors.end(), where, "tensors", name, "no tensor of that name");
    return found->second;
  };
  for (const Bucket& bucket : impl_->buckets) {
    at::ScalarType dtype = find(targets, impl_->parameters[bucket.entries.front().parameter].first).scalar_type();
    for (const FlatBucket::Entry& entry : bucket.entries) {
      dtype = at::promoteTypes(dtype, find(targets, impl_->parameters[entry.parameter].first).scalar_type());
    }
    const auto options = impl_->slice_options.dtype(dtype);
    const at::Tensor part = at::zeros({bucket.part}, options);
    for (const FlatBucket::Entry& entry : bucket.entries) {
      const auto [start, stop, place] = bucket.overlap(entry, impl_->group.rank());
      if (start < stop)
        part.slice(0, place, place + stop - start).copy_(find(slices, impl_->parameters[entry.parameter].first));
    }
    const at::Tensor whole = at::empty({bucket.part * impl_->group.size()}, options);
    impl_->group.all_gather(whole, part);
    for (const FlatBucket::Entry& entry : bucket.entries) {
      const at::Tensor& target = find(targets, impl_->parameters[entry.parameter].first);
      target.copy_(whole.slice(0, entry.offset, entry.offset + entry.count).view(target.sizes()));
    }
  }
}

}  // namespace action_images
