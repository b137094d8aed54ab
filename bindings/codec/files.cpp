// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <action_images/codec_io.hpp>

#include "arrays.hpp"

namespace action_images::bindings {

namespace {

using Path = std::filesystem::path;

/// A number that has to be positive if it is given; 0 if it is not.
std::int64_t positive(std::optional<std::int64_t> value, std::int64_t largest, const char* argument) {
  aim::check(!value || (0 < *value && *value <= largest), "codec_io::load_rig", argument, aim::text_of("1..", largest),
             value.value_or(0));
  return value.value_or(0);
}

aim::RigFileOptions rig_options(std::optional<std::int64_t> width, std::optional<std::int64_t> height,
                                std::optional<std::int64_t> frames, std::optional<std::vector<std::string>> views) {
  aim::RigFileOptions options;
  options.width = static_cast<int>(positive(width, aim::Camera::max_size, "width"));
  options.height = static_cast<int>(positive(height, aim::Camera::max_size, "height"));
  options.frames = static_cast<std::size_t>(positive(frames, aim::detail::max_rig_cameras, "frames"));
  options.views = std::move(views).value_or(std::vector<std::string>());
  return options;
}

aim::Rig load_rig(const Path& path, std::optional<std::int64_t> width, std::optional<std::int64_t> height,
                  std::optional<std::int64_t> frames, std::optional<std::vector<std::string>> views) {
  return aim::load_rig(path, rig_options(width, height, frames, std::move(views)));
}

/// One path, or a sequence of them.
std::vector<Path> paths_from(const py::object& object) {
  if (py::isinstance<py::str>(object) || py::hasattr(object, "__fspath__")) return {object.cast<Path>()};
  return object.cast<std::vector<Path>>();
}

void bind_calibration(py::module_& module) {
  const auto none = py::none();
  module.def("load_rig", &load_rig, py::arg("path"), py::kw_only(), py::arg("width") = none, py::arg("height") = none,
             py::arg("frames") = none, py::arg("views") = none);
  module.attr("Rig").attr("load") = py::staticmethod(module.attr("load_rig"));
  module.def("save_rig", &aim::save_rig, py::arg("rig"), py::arg("path"));
  module.def(
      "rig_from_text", [](const std::string& text, const std::string& name) { return aim::rig_from_text(text, name); },
      py::arg("text"), py::arg("name") = "rig");
  module.def("text_from_rig", &aim::text_from_rig, py::arg("rig"));
  module.def(
      "load_camera_params",
      [](const py::object& paths, std::int64_t width, std::int64_t height, std::optional<std::int64_t> frames) {
        return aim::load_camera_params(paths_from(paths), rig_options(width, height, frames, {}));
      },
      py::arg("paths"), py::arg("width"), py::arg("height"), py::kw_only(), py::arg("frames") = none);
  module.def(
      "save_camera_params",
      [](const aim::Rig& rig, const py::object& paths) { aim::save_camera_params(rig, paths_from(paths)); },
      py::arg("rig"), py::arg("paths"));
  module.def(
      "load_droid_cameras",
      [](const Path& path, std::int64_t width, std::int64_t height, std::optional<std::vector<std::string>> views) {
        return aim::load_droid_cameras(path, rig_options(width, height, {}, std::move(views)));
      },
      py::arg("path"), py::arg("width"), py::arg("height"), py::kw_only(), py::arg("views") = none);
  module.def("save_droid_cameras", &aim::save_droid_cameras, py::arg("rig"), py::arg("path"));
}

}  // namespace

void bind_files(py::module_& module) {
  bind_calibration(module);
  module.def(
      "load_trajectory", [](const Path& path) { return aim::matrix_from_trajectory(aim::load_trajectory(path)); },
      py::arg("path"));
  module.def(
      "save_trajectory",
      [](const py::object& actions, const Path& path, const std::string& format, const std::string& gripper) {
        aim::save_trajectory(trajectory_from(actions, "codec_io::save_trajectory"), path,
                             aim::action_format_from_name(format), aim::gripper_value_from_name(gripper));
      },
      py::arg("actions"), py::arg("path"), py::kw_only(), py::arg("format") = "euler", py::arg("gripper") = "openness");
}

}  // namespace action_images::bindings
