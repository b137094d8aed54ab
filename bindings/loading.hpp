// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <pybind11/pybind11.h>

#include <action_images/world/world_model.hpp>

/// How world models are loaded from Python; action_images.model documents the arguments.
namespace action_images::binding {

void def_loading(pybind11::class_<WorldModel, std::shared_ptr<WorldModel>>& world_model);

}  // namespace action_images::binding
