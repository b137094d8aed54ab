// SPDX-License-Identifier: Apache-2.0
// Python module action_images._codec: the torch-free codec on numpy arrays.
#include <pybind11/pybind11.h>

#include <action_images/core/error.hpp>
#include <action_images/core/version.hpp>

#include "arrays.hpp"

namespace py = pybind11;
namespace aim = action_images;

namespace {

void bind_errors(py::module_& module) {
  py::register_exception<aim::ShapeError>(module, "ShapeError", PyExc_ValueError);
  py::register_exception<aim::FormatError>(module, "FormatError", PyExc_ValueError);
  py::register_exception<aim::NumericalError>(module, "NumericalError", PyExc_ValueError);
}

}  // namespace

PYBIND11_MODULE(_codec, module) {
  module.doc() = "The action-image codec on numpy arrays; see action_images.";
  module.attr("__version__") = aim::version;
  bind_errors(module);
  aim::bindings::bind_geometry(module);
  aim::bindings::bind_plucker(module);
  aim::bindings::bind_images(module);
  aim::bindings::bind_formats(module);
  aim::bindings::bind_draw(module);
  aim::bindings::bind_doctor(module);
  aim::bindings::bind_files(module);
  aim::bindings::bind_similarity(module);
  aim::bindings::bind_refine(module);
}
