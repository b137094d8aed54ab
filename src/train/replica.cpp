// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/replica.hpp>

#include <cmath>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <action_images/dist/data_parallel.hpp>
#include <action_images/train/optimizer.hpp>

namespace action_images {
namespace {

at::ScalarType master_type(const at::Tensor& tensor) { return tensor.scalar_type() == at::kDouble ? at::kDouble : at::kFloat; }

class WholeReplica final : public Replica {
 public:
  WholeReplica(const Parameters::Named& parameters, const ProcessGroup& group, const TensorMap& exact)
      : network_(parameters) {
    if (group.size() > 1) parallel_.emplace(network_, group);
    for (const auto& [name, tensor] : network_) {
      const auto found = exact.find(name);
      const at::Tensor values = found == exact.end() ? tensor.detach() : found->second;
      masters_[name] = values.scalar_type() == master_type(values) ? values : values.to(master_type(values));
    }
  }

  void backward(const at::Tensor& loss, bool last) override {
    if (parallel_) {
      parallel_->backward(loss, last);
    } else {
      loss.backward();
    }
  }

  const TensorMap& parameters() const override { return masters_; }

  TensorMap gradients(double limit, double& norm) override {
    TensorMap gradients;
    const at::NoGradGuard no_gradients;
    for (const auto& [name, tensor] : network_) {
      if (tensor.grad().defined()) gradients[name] = tensor.grad().to(masters_.at(name).scalar_type());
    }
    norm = clip_gradient_norm(gradients, limit);
    return gradients;
  }

  void clear_gradients() override {
    for (const auto& [name, tensor] : network_) tensor.mutable_grad().reset();
  }

  void publish() override {
    const at::NoGradGuard no_gradients;
    for (const auto& [name, tensor] : network_) {
      const at::Tensor& master = masters_.at(name);
      if (master.data_ptr() != tensor.data_ptr()) tensor.detach().copy_(master);
    }
  }

  TensorMap whole(const TensorMap& parts) override { return parts; }

 private:
  Parameters::Named network_;
  std::optional<DataParallel> parallel_;
  TensorMap masters_;
};

class SlicedReplica final : public Replica {
 public:
  SlicedReplica(const Parameters::Named& parameters, const ProcessGroup& group, ShardingStage stage, const TensorMap& exact)
      : network_(parameters), sharding_(parameters, group, {.stage = stage}) {
    for (const auto& [name, slice] : sharding_.slices()) {
      const ShardRange& range = sharding_.ranges().at(name);
      if (const auto found = exact.find(name); found != exact.end()) {
        slice.copy_(found->second.flatten().slice(0, range.start, range.stop));
      }
    }
  }

  void backward(const at::Tensor& loss, bool last) override { sharding_.backward(loss, last); }
  const TensorMap& parameters() const override { return sharding_.slices(); }

  TensorMap gradients(double limit, double& norm) override {
    norm = sharding_.clip_gradient_norm(limit);
    return sharding_.gradients();
  }

  void clear_gradients() override { sharding_.clear_gradients(); }
  void publish() override { sharding_.update_parameters(); }

  TensorMap whole(const TensorMap& parts) override {
    TensorMap targets;
    for (const auto& [name, tensor] : network_) targets[name] = at::empty_like(tensor, at::dtype(master_type(tensor))).detach();
    sharding_.gather(parts, targets);
    return targets;
  }

  std::optional<std::map<std::string, ShardRange>> ranges() const override { return sharding_.ranges(); }

 private:
  Parameters::Named network_;
  Sharding sharding_;
};

}  // namespace

std::unique_ptr<Replica> Replica::make(const Parameters::Named& parameters, const ProcessGroup& group, Parallel parallel,
                                       const TensorMap& exact) {
  if (parallel == Parallel::ddp) return std::make_unique<WholeReplica>(parameters, group, exact);
  const auto stage = parallel == Parallel::zero1 ? ShardingStage::optimizer : ShardingStage::gradients;
  return std::make_unique<SlicedReplica>(parameters, group, stage, exact);
}

}  // namespace action_images
