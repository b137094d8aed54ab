// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <action_images/tensor/tensor_map.hpp>

#include "pickle.hpp"

namespace action_images {

/// The tensors by name in what a pickle holds: of the dict itself, or of a state dict nested in it. Of nested ones the
/// only one is taken, or the only one that has a usual name ("state_dict", "model", ...); `part` names another.
/// @param part  names of the dicts to go down by, joined with '/'.   @param file  its name, for messages.
/// @throws FormatError if there is no dict with tensors, there are several (which are named), or a name is there twice.
TensorMap state_dict_of(const Pickle& pickle, const std::string& part, const std::string& file);

}  // namespace action_images
