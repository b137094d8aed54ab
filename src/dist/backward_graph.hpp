// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unordered_set>

#include <ATen/core/Tensor.h>
#include <torch/csrc/autograd/function.h>

namespace action_images {

/// The nodes that the backward pass of `loss` reaches, among them the leaves' accumulators.
inline std::unordered_set<const torch::autograd::Node*> reached_nodes(const at::Tensor& loss) {
  std::unordered_set<const torch::autograd::Node*> seen;
  std::vector<const torch::autograd::Node*> open{loss.grad_fn().get()};
  while (!open.empty()) {
    const torch::autograd::Node* node = open.back();
    open.pop_back();
    if (node == nullptr || !seen.insert(node).second) continue;
    for (const auto& edge : node->next_edges()) open.push_back(edge.function.get());
  }
  return seen;
}

}  // namespace action_images
