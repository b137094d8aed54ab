// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include <pybind11/stl.h>

#include <action_images/codec/draw.hpp>
#include <action_images/codec/heat_blend.hpp>

#include "arrays.hpp"

namespace action_images::bindings {

namespace {

using Pixels = py::array_t<std::uint8_t, py::array::c_style>;

/// A uint8 array (..., 3), copied only if it is not contiguous.
Pixels pixels_from(const py::object& object, const char* where, const char* argument) {
  const py::array array = py::array::ensure(object);
  if (!array) {
    PyErr_Clear();
    throw aim::ShapeError(aim::expected_text(where, argument, "an array (..., H, W, 3)", "something else"));
  }
  aim::check(array.dtype().is(py::dtype::of<std::uint8_t>()), where, argument, "dtype uint8",
             py::str(array.dtype()).cast<std::string>());
  aim::check_shape(array.ndim() > 0 && array.shape(array.ndim() - 1) == 3, where, argument, "(..., H, W, 3)",
                   shape_of(array));
  return Pixels::ensure(array);
}

/// `out`, or a new array of the same shape as another.
Pixels target_like(const Pixels& like, const py::object& out, const char* where) {
  return py::reinterpret_borrow<Pixels>(
      target_from<std::uint8_t>(out, {like.shape(), like.shape() + like.ndim()}, where));
}

/// `out` with the pixels of `images` in it.
Pixels copied(const Pixels& images, const py::object& out, const char* where) {
  Pixels target = target_like(images, out, where);
  if (target.data() != images.data()) {
    std::memmove(target.mutable_data(), images.data(), static_cast<std::size_t>(images.size()));
  }
  return target;
}

/// (V, T, H, W, 3), or one picture (H, W, 3).
aim::ImagesView<std::uint8_t> images_view(Pixels& images, const char* where) {
  aim::check_shape(images.ndim() == 5 || images.ndim() == 3, where, "images", "(V, T, H, W, 3) or (H, W, 3)",
                   shape_of(images));
  const bool single = images.ndim() == 3;
  const auto size = [&](int axis) { return static_cast<std::size_t>(images.shape(axis)); };
  if (single) return {images.mutable_data(), 1, 1, size(0), size(1)};
  return {images.mutable_data(), size(0), size(1), size(2), size(3)};
}

aim::Rig rig_from(const py::object& rig, const char* where) {
  if (py::isinstance<aim::Camera>(rig)) return aim::Rig({rig.cast<aim::Camera>()});
  aim::check(py::isinstance<aim::Rig>(rig), where, "rig", "a Rig or a Camera",
             py::str(py::type::of(rig).attr("__name__")).cast<std::string>());
  return rig.cast<aim::Rig>();
}

py::array draw_trajectory(const py::object& images, const py::object& actions, const py::object& cameras,
                          const aim::DrawOptions& options, const py::object& out) {
  constexpr const char* where = "codec::draw_trajectory";
  const aim::Trajectory trajectory = trajectory_from(actions, where);
  const aim::Rig rig = rig_from(cameras, where);
  Pixels target = copied(pixels_from(images, where, "images"), out, where);
  const auto view = images_view(target, where);
  py::gil_scoped_release release;
  aim::draw_trajectory(view, trajectory, rig, options);
  return target;
}

py::array draw_axes(const py::object& image, const py::object& world_from_frame, const aim::Camera& camera,
                    double length, std::optional<double> width, const py::object& out) {
  constexpr const char* where = "codec::draw_axes";
  const Eigen::Affine3d pose(matrix_from<4>(world_from_frame, where, "world_from_frame"));
  Pixels target = copied(pixels_from(image, where, "image"), out, where);
  aim::check_shape(target.ndim() == 3, where, "image", "(H, W, 3)", shape_of(target));
  aim::draw_axes(images_view(target, where), pose, camera, length, width);
  return target;
}

py::array heat_blend(const py::object& rgb, const py::object& action_images, const aim::BlendOptions& options,
                     const py::object& out) {
  constexpr const char* where = "codec::heat_blend";
  const Pixels below = pixels_from(rgb, where, "rgb");
  const Pixels above = pixels_from(action_images, where, "action_images");
  aim::check_shape(shape_of(above) == shape_of(below), where, "action_images", aim::shape_text(shape_of(below)),
                   shape_of(above));
  Pixels target = target_like(below, out, where);
  const auto size = static_cast<std::size_t>(below.size());
  std::uint8_t* const pixels = target.mutable_data();
  py::gil_scoped_release release;
  aim::heat_blend({below.data(), size}, {above.data(), size}, {pixels, size}, options);
  return target;
}

py::array_t<std::uint8_t> time_colours(py::ssize_t count) {
  aim::check(count >= 0 && count <= 1 << 20, "codec::time_colours", "count", "0..1048576", count);
  py::array_t<std::uint8_t> colours({count, py::ssize_t{3}});
  for (py::ssize_t i = 0; i < count; ++i) {
    const auto colour = aim::time_colour(count > 1 ? static_cast<double>(i) / static_cast<double>(count - 1) : 0.0);
    for (py::ssize_t j = 0; j < 3; ++j) colours.mutable_at(i, j) = static_cast<std::uint8_t>(colour[j] + 0.5F);
  }
  return colours;
}

}  // namespace

void bind_draw(py::module_& module) {
  module.def(
      "draw_trajectory",
      [](const py::object& images, const py::object& actions, const py::object& rig, std::optional<std::size_t> time,
         std::optional<double> width, double future, double axes_length, bool gripper, const py::object& out) {
        return draw_trajectory(images, actions, rig, {time, width, future, axes_length, gripper}, out);
      },
      py::arg("images"), py::arg("actions"), py::arg("rig"), py::kw_only(), py::arg("time") = py::none(),
      py::arg("width") = py::none(), py::arg("future") = 0.35, py::arg("axes_length") = 0.06, py::arg("gripper") = true,
      py::arg("out") = py::none());
  module.def("draw_axes", &draw_axes, py::arg("image"), py::arg("world_from_frame"), py::arg("camera"), py::kw_only(),
             py::arg("length") = 0.1, py::arg("width") = py::none(), py::arg("out") = py::none());
  module.def(
      "heat_blend",
      [](const py::object& rgb, const py::object& action_images, double alpha, const std::string& mode,
         const py::object& out) {
        return heat_blend(rgb, action_images, {alpha, aim::blend_mode_from_name(mode)}, out);
      },
      py::arg("rgb"), py::arg("action_images"), py::arg("alpha") = 0.5, py::kw_only(), py::arg("mode") = "mean",
      py::arg("out") = py::none());
  module.def("time_colours", &time_colours, py::arg("count"));
}

}  // namespace action_images::bindings
