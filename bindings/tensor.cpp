// SPDX-License-Identifier: Apache-2.0
#include <torch/csrc/utils/pybind.h>

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <action_images/tensor/safetensors.hpp>

namespace py = pybind11;
using namespace action_images;

void bind_tensor(py::module_& module) {
  const py::call_guard<py::gil_scoped_release> released;
  module.def("load_tensors", &load_safetensors, py::arg("path"), released,
             R"(Tensors of a safetensors file by name: mapped, not copied, and writing to them leaves the file as it is.

Raises ValueError, naming the file and the tensor, if the file does not keep the format.)");
  module.def(
      "tensors_metadata", [](const std::filesystem::path& path) { return SafetensorsFile(path).metadata(); },
      py::arg("path"), released, "Free texts of a safetensors file's header.");
  module.def("save_tensors", &save_safetensors, py::arg("path"), py::arg("tensors"),
             py::arg("metadata") = SafetensorsFile::Metadata{}, released,
             R"(Writes a dict of tensors as a safetensors file, which appears complete or not at all.

Raises ValueError on a dtype that the format does not have, or if the file cannot be written.)");
}
