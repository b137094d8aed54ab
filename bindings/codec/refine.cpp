// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <pybind11/stl.h>

#include <action_images/calibration/axis_scale.hpp>
#include <action_images/calibration/refine_cameras.hpp>

#include "arrays.hpp"
#include "pixels.hpp"

namespace action_images::bindings {

namespace {

/// Actions (T, 7), or one action (7,).
aim::Trajectory actions_from(const py::object& object, const char* where) {
  const Doubles array = doubles_from(object, where, "actions", "(T, 7)");
  if (array.ndim() != 1) return trajectory_from(object, where);
  aim::check_shape(array.shape(0) == 7, where, "actions", "(T, 7) or (7,)", shape_of(array));
  return aim::trajectory_from_matrix(Eigen::Map<const aim::ActionMatrix>(array.data(), 1, 7));
}

aim::PointPixels pixels_from(const py::object& object, const std::string& convention, const char* where) {
  const GivenPixels pixels(object, where);
  return aim::point_pixels(pixels.view, aim::convention_from_name(convention), where);
}

template <typename Pixel>
aim::PointPixels read_pixels(const py::array& images, std::optional<double> sigma, aim::Convention convention) {
  const auto pixels = py::array_t<Pixel, dense>::ensure(images);
  const auto size = [&](int axis) { return static_cast<std::size_t>(pixels.shape(axis)); };
  const aim::ImagesView<const Pixel> view{pixels.data(), size(0), size(1), size(2), size(3)};
  const double width = sigma.value_or(0.05 * static_cast<double>(std::min(view.height, view.width)));
  aim::check_drawing(width, 1.0, "codec::pixels_from_action_images");
  py::gil_scoped_release release;
  return aim::point_pixels(view, width, convention);
}

/// Pixel actions (V, T, 7) of action images; the openness is NaN.
py::array_t<double> pixels_from_action_images(const py::object& images, const std::string& convention,
                                              std::optional<double> sigma) {
  constexpr const char* where = "codec::pixels_from_action_images";
  const py::array array = py::array::ensure(images);
  if (!array) {
    PyErr_Clear();
    throw aim::ShapeError(aim::expected_text(where, "images", "an array (V, T, H, W, 3)", "something else"));
  }
  aim::check_shape(array.ndim() == 5 && array.shape(4) == 3 && array.shape(2) > 0 && array.shape(3) > 0, where,
                   "images", "(V, T, H, W, 3)", shape_of(array));
  const bool bytes = array.dtype().is(py::dtype::of<std::uint8_t>());
  aim::check(bytes || array.dtype().kind() == 'f', where, "images", "uint8, or floating point in [0, 1]",
             py::str(array.dtype()).cast<std::string>());
  const aim::Convention as = aim::convention_from_name(convention);
  const aim::PointPixels found =
      bytes ? read_pixels<std::uint8_t>(array, sigma, as) : read_pixels<float>(array, sigma, as);
  py::array_t<double> pixels({array.shape(0), array.shape(1), py::ssize_t{7}});
  double* row = pixels.mutable_data();
  const aim::PixelLayout layout = aim::layout_of(as);
  for (const aim::PixelPoints& points : found.seen) {
    std::fill_n(row, 7, std::numeric_limits<double>::quiet_NaN());
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const auto& pixel = points[static_cast<std::size_t>(layout.point_of_channel[channel])];
      if (pixel) Eigen::Map<Eigen::Vector2d>(row + 2 * channel) = *pixel;
    }
    row += 7;
  }
  return pixels;
}

/// (V, T, 3) of flat ones.
py::array_t<bool> by_view(const std::vector<bool>& inliers, std::size_t views) {
  const auto count = static_cast<py::ssize_t>(inliers.size());
  const auto first = static_cast<py::ssize_t>(views);
  return bools_from(inliers).reshape({first, count / first / 3, py::ssize_t{3}});
}

template <typename Get>
py::array_t<double> of_views(const aim::RefinedRig& refined, const Get& get) {
  py::array_t<double> values(static_cast<py::ssize_t>(refined.views.size()));
  for (std::size_t view = 0; view < refined.views.size(); ++view) {
    values.mutable_at(static_cast<py::ssize_t>(view)) = static_cast<double>(get(refined.views[view]));
  }
  return values;
}

void bind_aligned(py::module_& module) {
  using aim::AlignedRig;
  py::class_<AlignedRig>(module, "AlignedRig", "A rig in the frame of known actions, and how sure that is.")
      .def_readonly("rig", &AlignedRig::rig)
      .def_readonly("similarity", &AlignedRig::similarity)
      .def_readonly("rms_px", &AlignedRig::rms_px)
      .def_readonly("largest_px", &AlignedRig::largest_px)
      .def_readonly("rms_mm", &AlignedRig::rms_mm)
      .def_readonly("scale_error", &AlignedRig::scale_error)
      .def_readonly("position_error", &AlignedRig::position_error)
      .def_readonly("rotation_error", &AlignedRig::rotation_error)
      .def_property_readonly("inliers", [](const AlignedRig& self) { return by_view(self.inliers, self.rig.size()); })
      .def_readonly("iterations", &AlignedRig::iterations)
      .def_readonly("converged", &AlignedRig::converged)
      .def("__repr__", [](const AlignedRig& self) {
        return aim::text_of("AlignedRig(scale=", self.similarity.scale, " +- ", 100.0 * self.scale_error,
                            " %, rms=", self.rms_px, " px)");
      });
  py::class_<aim::AxisScale>(module, "AxisScale", "The scale that triangulated axes of a gripper tell.")
      .def_readonly("scale", &aim::AxisScale::scale)
      .def_readonly("scale_error", &aim::AxisScale::scale_error)
      .def_readonly("angle", &aim::AxisScale::angle)
      .def_readonly("lengths", &aim::AxisScale::lengths)
      .def("__repr__", [](const aim::AxisScale& self) {
        return aim::text_of("AxisScale(scale=", self.scale, " +- ", 100.0 * self.scale_error, " %)");
      });
}

void bind_refined(py::module_& module) {
  using aim::RefinedRig;
  using View = aim::RefinedView;
  py::class_<RefinedRig>(module, "RefinedRig", "Cameras refined with a known trajectory.")
      .def_readonly("rig", &RefinedRig::rig)
      .def_readonly("similarity", &RefinedRig::similarity)
      .def_property_readonly(
          "rms_before",
          [](const RefinedRig& self) { return of_views(self, [](const View& v) { return v.rms_before; }); })
      .def_property_readonly(
          "rms_after", [](const RefinedRig& self) { return of_views(self, [](const View& v) { return v.rms_after; }); })
      .def_property_readonly(
          "position_error",
          [](const RefinedRig& self) { return of_views(self, [](const View& v) { return v.position_error; }); })
      .def_property_readonly(
          "rotation_error",
          [](const RefinedRig& self) { return of_views(self, [](const View& v) { return v.rotation_error; }); })
      .def_property_readonly(
          "focal_error",
          [](const RefinedRig& self) { return of_views(self, [](const View& v) { return v.focal_error; }); })
      .def_property_readonly("seen",
                             [](const RefinedRig& self) {
                               std::vector<std::size_t> seen;
                               for (const View& view : self.views) seen.push_back(view.seen);
                               return seen;
                             })
      .def_property_readonly("points",
                             [](const RefinedRig& self) {
                               const auto frames = static_cast<py::ssize_t>(self.points.size()) / 3;
                               py::array_t<double> points({frames, py::ssize_t{3}, py::ssize_t{3}});
                               double* values = points.mutable_data();
                               for (const Eigen::Vector3d& point : self.points) {
                                 values = std::copy_n(point.data(), 3, values);
                               }
                               return points;
                             })
      .def_property_readonly("inliers", [](const RefinedRig& self) { return by_view(self.inliers, self.rig.size()); })
      .def_readonly("iterations", &RefinedRig::iterations)
      .def_readonly("converged", &RefinedRig::converged)
      .def("__repr__", [](const RefinedRig& self) {
        return aim::text_of("RefinedRig(views=", self.views.size(), ", iterations=", self.iterations,
                            ", converged=", self.converged ? "True" : "False", ")");
      });
}

}  // namespace

void bind_refine(py::module_& module) {
  bind_aligned(module);
  bind_refined(module);
  module.def("pixels_from_action_images", &pixels_from_action_images, py::arg("images"),
             py::arg("convention") = "paper", py::arg("sigma") = py::none());
  module.def(
      "scale_from_axes",
      [](const aim::Rig& rig, const py::object& pixels, const std::string& convention, double axis_length) {
        return aim::scale_from_axes(rig, pixels_from(pixels, convention, "codec::scale_from_axes"), axis_length);
      },
      py::arg("rig"), py::arg("pixels"), py::arg("convention") = "paper", py::arg("axis_length") = 0.1);
  module.def(
      "align_to_gripper",
      [](const aim::Rig& rig, const py::object& pixels, const py::object& actions, const std::string& convention,
         double axis_length, double pixel_error, const std::string& loss) {
        constexpr const char* where = "codec::align_to_gripper";
        const aim::AlignmentOptions options{aim::convention_from_name(convention), axis_length, pixel_error,
                                            aim::loss_from_name(loss)};
        const aim::PointPixels seen = pixels_from(pixels, convention, where);
        const aim::Trajectory trajectory = actions_from(actions, where);
        py::gil_scoped_release release;
        return aim::align_to_gripper(rig, seen, trajectory, options);
      },
      py::arg("rig"), py::arg("pixels"), py::arg("actions"), py::arg("convention") = "paper",
      py::arg("axis_length") = 0.1, py::kw_only(), py::arg("pixel_error") = 1.0, py::arg("loss") = "cauchy");
  module.def(
      "refine_cameras",
      [](const aim::Rig& rig, const py::object& pixels, const py::object& actions, const std::string& convention,
         double axis_length, const std::string& focal, bool principal_point, double pixel_error, double point_error,
         const std::string& loss, int iterations) {
        constexpr const char* where = "codec::refine_cameras";
        aim::RefineOptions options{aim::convention_from_name(convention), axis_length};
        options.focal = aim::focal_lengths_from_name(focal);
        options.principal_point = principal_point;
        options.pixel_error = pixel_error;
        options.point_error = point_error;
        options.loss = aim::loss_from_name(loss);
        options.most_iterations = iterations;
        const aim::PointPixels seen = pixels_from(pixels, convention, where);
        const aim::Trajectory trajectory = actions_from(actions, where);
        py::gil_scoped_release release;
        return aim::refine_cameras(rig, seen, trajectory, options);
      },
      py::arg("rig"), py::arg("pixels"), py::arg("actions"), py::arg("convention") = "paper",
      py::arg("axis_length") = 0.1, py::kw_only(), py::arg("focal") = "fixed", py::arg("principal_point") = false,
      py::arg("pixel_error") = 1.0, py::arg("point_error") = 0.0, py::arg("loss") = "cauchy",
      py::arg("iterations") = 200);
}

}  // namespace action_images::bindings
