// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include <ATen/core/Tensor.h>

namespace action_images {

/// Tensors by name, as a checkpoint holds them.
using TensorMap = std::map<std::string, at::Tensor>;

}  // namespace action_images
