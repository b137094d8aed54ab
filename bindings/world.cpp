// SPDX-License-Identifier: Apache-2.0
// World models for python/action_images/model.py, which gives them their Python face. Rigs are those of `_codec`.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <memory>

#include <nlohmann/json.hpp>

#include <action_images/world/world_model.hpp>

#include "generate.hpp"
#include "loading.hpp"

namespace py = pybind11;

void bind_world(py::module_& module) {
  using namespace action_images;
  py::class_<WorldModel, std::shared_ptr<WorldModel>> model(module, "WorldModel",
                                                            "A loaded world model; see action_images.model.");
  binding::def_loading(model);
  model
      .def_property_readonly(
          "config", [](const WorldModel& model) { return json_from(model.config()).dump(); },
          "The model's config.json as text.");
  binding::def_generate(module, model);
}
