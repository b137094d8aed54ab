// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <action_images/tensor/pickle_data.hpp>

#include "pickle.hpp"

namespace action_images {

/// Whether a pickle of numpy arrays names it: numpy's functions that put an array, a scalar or a dtype together.
bool is_global_of_numpy(std::string_view global);

struct PickledArray {
  PickledValue value;
  std::vector<Pickle::Id> items;  ///< of an array of objects, which is a list
};

/// The array or scalar that an object of a pickle describes; nullopt if it is something else.
/// @throws FormatError if its parts do not fit together: dtype, shape, number of bytes.
std::optional<PickledArray> pickled_array(const Pickle& pickle, const Pickle::Value& object, const std::string& name);

}  // namespace action_images
