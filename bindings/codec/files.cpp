// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include <pybind11/stl/filesystem.h>

#include <action_images/codec_io.hpp>

#include "arrays.hpp"

namespace action_images::bindings {

void bind_files(py::module_& module) {
  module.def("load_rig", &aim::load_rig, py::arg("path"));
  module.def("save_rig", &aim::save_rig, py::arg("rig"), py::arg("path"));
  module.def(
      "load_trajectory",
      [](const std::filesystem::path& path) { return aim::matrix_from_trajectory(aim::load_trajectory(path)); },
      py::arg("path"));
  module.def(
      "save_trajectory",
      [](const py::object& actions, const std::filesystem::path& path) {
        aim::save_trajectory(trajectory_from(actions, "codec_io::save_trajectory"), path);
      },
      py::arg("actions"), py::arg("path"));
}

}  // namespace action_images::bindings
