// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <pybind11/stl.h>

#include <action_images/calibration/doctor.hpp>
#include <action_images/calibration/doctor_text.hpp>

#include "arrays.hpp"

namespace action_images::bindings {

namespace {

template <typename Pixel>
aim::Diagnosis examine(const aim::Rig& rig, const py::array& images, const std::optional<aim::Trajectory>& actions,
                       const aim::DoctorOptions& options) {
  const auto pixels = py::array_t<Pixel, dense>::ensure(images);
  const auto size = [&](int axis) { return static_cast<std::size_t>(pixels.shape(axis)); };
  const aim::ImagesView<const Pixel> view{pixels.data(), size(0), size(1), size(2), size(3)};
  py::gil_scoped_release release;
  return aim::doctor(rig, view, actions, options);
}

aim::Diagnosis doctor(const aim::Rig& rig, const py::object& images, const py::object& actions,
                      const aim::DoctorOptions& options) {
  constexpr const char* where = "codec::doctor";
  aim::check(!images.is_none() || actions.is_none(), where, "images", "action images that show the actions", "none");
  if (images.is_none()) return aim::doctor(rig, options);
  const py::array array = py::array::ensure(images);
  if (!array) {
    PyErr_Clear();
    throw aim::ShapeError(aim::expected_text(where, "images", "an array (V, T, H, W, 3)", "something else"));
  }
  aim::check_shape(array.ndim() == 5 && array.shape(4) == 3, where, "images", "(V, T, H, W, 3)", shape_of(array));
  std::optional<aim::Trajectory> trajectory;
  if (!actions.is_none()) trajectory = trajectory_from(actions, where);
  if (array.dtype().is(py::dtype::of<std::uint8_t>())) return examine<std::uint8_t>(rig, array, trajectory, options);
  aim::check(array.dtype().kind() == 'f', where, "images", "uint8, or floating point in [0, 1]",
             py::str(array.dtype()).cast<std::string>());
  return examine<float>(rig, array, trajectory, options);
}

void bind_reports(py::module_& module) {
  using namespace aim;
  py::class_<ViewReport>(module, "ViewReport", "What one camera looks like.")
      .def_readonly("fx", &ViewReport::fx)
      .def_readonly("fy", &ViewReport::fy)
      .def_readonly("fov_x", &ViewReport::fov_x)
      .def_readonly("fov_y", &ViewReport::fov_y)
      .def_readonly("position", &ViewReport::position)
      .def_readonly("looks_along", &ViewReport::looks_along)
      .def_readonly("looks_at", &ViewReport::looks_at)
      .def_readonly("distance", &ViewReport::distance);
  py::class_<Precision>(module, "Precision", "How well a point can be measured, for pixels with an error of 1 px.")
      .def_readonly("distance", &Precision::distance)
      .def_readonly("depth", &Precision::depth)
      .def_readonly("lateral", &Precision::lateral)
      .def_readonly("covariance", &Precision::covariance);
  py::class_<PairReport>(module, "PairReport", "Two views together.")
      .def_readonly("first", &PairReport::first)
      .def_readonly("second", &PairReport::second)
      .def_readonly("baseline", &PairReport::baseline)
      .def_readonly("convergence", &PairReport::convergence)
      .def_readonly("share_space", &PairReport::share_space)
      .def_readonly("precision", &PairReport::precision);
}

void bind_fits(py::module_& module) {
  using namespace aim;
  py::class_<PointError>(module, "PointError", "Reprojection error of one of the three points in one view.")
      .def_readonly("view", &PointError::view)
      .def_readonly("point", &PointError::point)
      .def_property_readonly("median", [](const PointError& self) { return self.error.median; })
      .def_property_readonly("largest", [](const PointError& self) { return self.error.largest; })
      .def_property_readonly("count", [](const PointError& self) { return self.error.count; });
  py::class_<ShapeReport>(module, "ShapeReport", "The triangulated points beside what was drawn.")
      .def_readonly("normal_length", &ShapeReport::normal_length)
      .def_readonly("up_length", &ShapeReport::up_length)
      .def_readonly("angle", &ShapeReport::angle);
  py::class_<Fit>(module, "Fit", "How well the pictures fit if something was mixed up.")
      .def_readonly("name", &Fit::name)
      .def_readonly("error", &Fit::error);
  py::class_<Finding>(module, "Finding", "Something that is probably wrong, or unusual.")
      .def_readonly("name", &Finding::name)
      .def_readonly("text", &Finding::text)
      .def_readonly("views", &Finding::views)
      .def("__repr__", [](const Finding& self) { return self.name + ": " + self.text; });
}

void bind_diagnosis(py::module_& module) {
  using aim::Diagnosis;
  py::class_<Diagnosis>(module, "Diagnosis", "What a rig, and pictures taken with it, look like.")
      .def_readonly("views", &Diagnosis::views)
      .def_readonly("pairs", &Diagnosis::pairs)
      .def_readonly("precision", &Diagnosis::precision)
      .def_readonly("errors", &Diagnosis::errors)
      .def_readonly("shape", &Diagnosis::shape)
      .def_readonly("fits", &Diagnosis::fits)
      .def_readonly("warnings", &Diagnosis::warnings)
      .def_readonly("notes", &Diagnosis::notes)
      .def("__str__", &aim::report_of)
      .def("__repr__", [](const Diagnosis& self) {
        return aim::text_of("Diagnosis(views=", self.views.size(), ", warnings=", self.warnings.size(), ")");
      });
}

}  // namespace

void bind_doctor(py::module_& module) {
  bind_reports(module);
  bind_fits(module);
  bind_diagnosis(module);
  module.def(
      "doctor",
      [](const aim::Rig& rig, const py::object& images, const py::object& actions, const std::string& convention,
         std::optional<double> sigma, double axis_length, const std::vector<double>& distances) {
        return doctor(rig, images, actions, {aim::convention_from_name(convention), sigma, axis_length, distances});
      },
      py::arg("rig"), py::arg("images") = py::none(), py::arg("actions") = py::none(), py::arg("convention") = "paper",
      py::arg("sigma") = py::none(), py::arg("axis_length") = 0.1, py::kw_only(),
      py::arg("distances") = std::vector<double>{0.5, 0.75, 1.0});
}

}  // namespace action_images::bindings
