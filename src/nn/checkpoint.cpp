// SPDX-License-Identifier: Apache-2.0
#include <action_images/nn/checkpoint.hpp>

#include <algorithm>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <action_images/core/check.hpp>

namespace action_images::nn {

namespace {

// Carries the function from the forward to the backward pass.
struct FunctionHolder : torch::CustomClassHolder {
  explicit FunctionHolder(TensorFunction held) : function(std::move(held)) {}
  TensorFunction function;
};

// The same values as leaves of a graph of their own.
std::vector<at::Tensor> leaves(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> leaves;
  for (const at::Tensor& tensor : tensors) {
    leaves.push_back(tensor.detach().requires_grad_(tensor.requires_grad()));
  }
  return leaves;
}

std::vector<at::Tensor> needing_gradients(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> needing;
  std::copy_if(tensors.begin(), tensors.end(), std::back_inserter(needing),
               [](const at::Tensor& tensor) { return tensor.requires_grad(); });
  return needing;
}

// Where the inputs were that are kept on the CPU: their devices, by place.
using Devices = std::vector<std::int64_t>;

constexpr std::int64_t on_host = -2;  // no device index: a tensor that stays where it is

std::vector<at::Tensor> kept(const std::vector<at::Tensor>& inputs, const std::vector<bool>& move, Devices& devices) {
  std::vector<at::Tensor> tensors;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const bool moves = move[i] && !inputs[i].device().is_cpu();
    devices.push_back(moves ? inputs[i].device().index() : on_host);
    tensors.push_back(moves ? inputs[i].detach().to(at::kCPU) : inputs[i]);
  }
  return tensors;
}

struct Recompute : torch::autograd::Function<Recompute> {
  // Torch finds the inputs in a TensorList, and not in a vector.
  static at::Tensor forward(torch::autograd::AutogradContext* context, TensorFunction function, std::vector<bool> move,
                            at::TensorList inputs) {
    // With gradients on, as in the backward pass: what a function does may depend on it.
    const at::AutoGradMode record(true);
    at::Tensor result = function(leaves(inputs.vec())).detach();
    Devices devices;
    std::vector<bool> gradients;
    for (const at::Tensor& input : inputs) gradients.push_back(input.requires_grad());
    context->save_for_backward(kept(inputs.vec(), move, devices));
    context->saved_data["devices"] = devices;
    context->saved_data["gradients"] = gradients;
    context->saved_data["function"] =
        c10::IValue::make_capsule(c10::make_intrusive<FunctionHolder>(std::move(function)));
    return result;
  }

  // The inputs as leaves of a graph of their own, where they were.
  static std::vector<at::Tensor> brought_back(torch::autograd::AutogradContext& context) {
    const auto devices = context.saved_data["devices"].toIntVector();
    const auto gradients = context.saved_data["gradients"].toBoolList();
    std::vector<at::Tensor> inputs;
    const std::vector<at::Tensor> saved = context.get_saved_variables();
    for (std::size_t i = 0; i < saved.size(); ++i) {
      const at::Tensor values = saved[i].detach();
      const bool moved = devices[i] != on_host;
      inputs.push_back(moved ? values.to(at::Device(at::kCUDA, static_cast<at::DeviceIndex>(devices[i]))) : values);
      inputs.back().requires_grad_(gradients[i]);
    }
    return inputs;
  }

  static std::vector<at::Tensor> backward(torch::autograd::AutogradContext* context,
                                          const std::vector<at::Tensor>& result_gradients) {
    check(!at::GradMode::is_enabled(), "nn::checkpoint", "create_graph", "false: a recomputed graph cannot be kept",
          "true");
    const auto function =
        c10::static_intrusive_pointer_cast<FunctionHolder>(context->saved_data["function"].toCapsule());
    const std::vector<at::Tensor> inputs = brought_back(*context);
    const at::AutoGradMode record(true);
    const at::Tensor result = function->function(inputs);
    const std::vector<at::Tensor> found = torch::autograd::grad({result}, needing_gradients(inputs), result_gradients,
                                                                std::nullopt, /*create_graph=*/false,
                                                                /*allow_unused=*/true);
    std::vector<at::Tensor> gradients(2);  // of the function and of what moves: none
    auto next = found.begin();
    for (const at::Tensor& input : inputs) gradients.push_back(input.requires_grad() ? *next++ : at::Tensor());
    return gradients;
  }
};

}  // namespace

at::Tensor checkpoint(TensorFunction function, const std::vector<at::Tensor>& inputs,
                      const CheckpointingOptions& options) {
  const auto defined = [](const at::Tensor& tensor) { return tensor.defined(); };
  check(std::all_of(inputs.begin(), inputs.end(), defined), "nn::checkpoint", "inputs", "tensors", "an undefined one");
  if (!at::GradMode::is_enabled() || needing_gradients(inputs).empty()) return function(inputs);
  std::vector<bool> move;
  for (const at::Tensor& input : inputs) move.push_back(options.offload && !input.is_leaf());
  return Recompute::apply(std::move(function), std::move(move), at::TensorList(inputs));
}

}  // namespace action_images::nn
