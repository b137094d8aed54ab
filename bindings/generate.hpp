// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pybind11/pybind11.h>

#include <memory>

#include <action_images/world/world_model.hpp>

namespace action_images::binding {

/// Adds GenerateOptions to the module and generate() to the model.
void def_generate(pybind11::module_& module, pybind11::class_<WorldModel, std::shared_ptr<WorldModel>>& model);

}  // namespace action_images::binding
