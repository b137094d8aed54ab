// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

namespace action_images::nn {

/// A function of tensors, that gives the same result for the same tensors.
using TensorFunction = std::function<at::Tensor(const std::vector<at::Tensor>&)>;

struct CheckpointingOptions {
  /// Inputs that are no parameters (no leaves of the graph) are kept in the CPU's memory, and brought back for the
  /// backward pass.
  bool offload = false;
};

/// function(inputs), keeping nothing of what the function computes on the way: the backward pass computes it again,
/// one more forward pass for the memory of one function at a time (gradient checkpointing, Chen et al. 2016,
/// arXiv 1604.06174). Gradients are the same bits as without, as the recomputation is the same work.
/// @param function  holds no tensor that needs a gradient: it would not get one. Kept until the graph is freed.
/// @param inputs    all tensors that get gradients, parameters included; may hold others. All defined; they must not
///                  be written to before the backward pass, which torch then refuses.
/// @return function(inputs), without a graph inside. Where gradients are off, or no input needs one, simply that.
/// @throws ValueError if an input is undefined. The backward pass throws ValueError under create_graph.
at::Tensor checkpoint(TensorFunction function, const std::vector<at::Tensor>& inputs,
                      const CheckpointingOptions& options = {});

}  // namespace action_images::nn
