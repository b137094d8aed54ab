// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <action_images/tensor/tensor_map.hpp>

namespace action_images {

/// The same tensors, each name with `prefix` in front.
inline TensorMap with_prefix(const TensorMap& tensors, std::string_view prefix) {
  TensorMap renamed;
  for (const auto& [name, tensor] : tensors) renamed.emplace(std::string(prefix) + name, tensor);
  return renamed;
}

/// The tensors whose name starts with `prefix`, without it.
inline TensorMap without_prefix(const TensorMap& tensors, std::string_view prefix) {
  TensorMap renamed;
  for (const auto& [name, tensor] : tensors) {
    if (name.compare(0, prefix.size(), prefix) == 0) renamed.emplace(name.substr(prefix.size()), tensor);
  }
  return renamed;
}

}  // namespace action_images
