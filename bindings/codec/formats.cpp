// SPDX-License-Identifier: Apache-2.0
// Action formats and pixel actions.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <pybind11/stl.h>

#include <action_images/codec/action_format.hpp>
#include <action_images/codec/pixel_action.hpp>

#include "arrays.hpp"
#include "pixels.hpp"

namespace action_images::bindings {

namespace {

py::array_t<double> convert_actions(const py::object& object, const std::string& source, const std::string& target,
                                    const std::string& source_gripper, const std::string& target_gripper) {
  constexpr const char* where = "codec::convert_actions";
  const aim::ActionFormat format = aim::action_format_from_name(source);
  const std::string expected = aim::text_of("(T, ", aim::width_of(format), ")");
  const Doubles rows = doubles_from(object, where, "actions", expected.c_str());
  aim::check_shape(rows.ndim() == 2 && rows.shape(1) == static_cast<py::ssize_t>(aim::width_of(format)), where,
                   "actions", aim::text_of(expected, " of the format ", source), shape_of(rows));
  const Eigen::Map<const aim::ActionRows> given(rows.data(), rows.shape(0), rows.shape(1));
  const aim::Trajectory actions =
      aim::trajectory_from_rows(given, format, aim::gripper_value_from_name(source_gripper));
  const aim::ActionRows converted = aim::rows_from_trajectory(actions, aim::action_format_from_name(target),
                                                              aim::gripper_value_from_name(target_gripper));
  py::array_t<double> result({converted.rows(), converted.cols()});
  std::copy_n(converted.data(), converted.size(), result.mutable_data());
  return result;
}

py::array_t<double> pixel_actions(const py::object& actions, const aim::Rig& rig, const std::string& convention,
                                  double axis_length) {
  const aim::EncodeOptions options{aim::convention_from_name(convention), {}, axis_length};
  const auto pixels = aim::pixel_actions(trajectory_from(actions, "codec::pixel_actions"), rig, options);
  return py::array_t<double>(pixels.shape(), pixels.data());
}

template <typename Pixel>
py::array draw(const aim::PixelActionsView& pixels, py::array images, const aim::EncodeOptions& options) {
  const auto size = [&](int axis) { return static_cast<std::size_t>(images.shape(axis)); };
  const aim::ImagesView<Pixel> view{static_cast<Pixel*>(images.mutable_data()), size(0), size(1), size(2), size(3)};
  py::gil_scoped_release release;
  aim::encode_pixels_into(pixels, view, options);
  return images;
}

/// What `encode_pixels` takes beside the pixels.
struct DrawingOptions {
  std::int64_t height;
  std::int64_t width;
  aim::EncodeOptions options;
  std::optional<std::int64_t> frames;
};

py::array encode_pixels(const py::object& object, const DrawingOptions& drawing, const py::object& dtype) {
  constexpr const char* where = "codec::encode_pixels";
  GivenPixels pixels(object, where);
  if (drawing.frames) pixels.repeat(*drawing.frames, where);
  const auto [smaller, larger] = std::minmax(drawing.height, drawing.width);
  aim::check(1 <= smaller && larger <= aim::Camera::max_size, where, "height, width", "1..16384 px",
             aim::text_of(drawing.height, ", ", drawing.width));
  const auto type = py::dtype::from_args(dtype);
  const bool bytes = type.is(py::dtype::of<std::uint8_t>());
  aim::check(bytes || type.is(py::dtype::of<float>()), where, "dtype", "uint8 or float32",
             py::str(type).cast<std::string>());
  const std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(pixels.view.views),
                                       static_cast<py::ssize_t>(pixels.view.frames), drawing.height, drawing.width, 3};
  py::array images(type, shape);
  return bytes ? draw<std::uint8_t>(pixels.view, images, drawing.options)
               : draw<float>(pixels.view, images, drawing.options);
}

aim::ActionMatrix actions_from_pixels(const py::object& object, const aim::Rig& rig, const std::string& convention,
                                      double axis_length) {
  const GivenPixels pixels(object, "codec::actions_from_pixels");
  const auto actions =
      aim::actions_from_pixels(pixels.view, rig, {aim::convention_from_name(convention), {}, axis_length});
  aim::ActionMatrix rows(static_cast<Eigen::Index>(actions.size()), 7);
  for (std::size_t t = 0; t < actions.size(); ++t) {
    auto row = rows.row(static_cast<Eigen::Index>(t));
    row.setConstant(std::numeric_limits<double>::quiet_NaN());
    if (actions[t]) row << actions[t]->position.transpose(), actions[t]->euler.transpose(), actions[t]->openness;
  }
  return rows;
}

}  // namespace

void bind_formats(py::module_& module) {
  module.def("convert_actions", &convert_actions, py::arg("actions"), py::arg("source") = "euler",
             py::arg("target") = "euler", py::kw_only(), py::arg("source_gripper") = "openness",
             py::arg("target_gripper") = "openness");
  module.def("pixel_actions", &pixel_actions, py::arg("actions"), py::arg("rig"), py::arg("convention") = "paper",
             py::arg("axis_length") = 0.1);
  module.def(
      "encode_pixels",
      [](const py::object& pixels, std::int64_t height, std::int64_t width, const std::string& convention,
         std::optional<double> sigma, std::optional<std::int64_t> frames, const py::object& dtype) {
        const aim::EncodeOptions options{aim::convention_from_name(convention), sigma};
        return encode_pixels(pixels, {height, width, options, frames}, dtype);
      },
      py::arg("pixels"), py::arg("height"), py::arg("width"), py::arg("convention") = "paper",
      py::arg("sigma") = py::none(), py::kw_only(), py::arg("frames") = py::none(), py::arg("dtype") = "uint8");
  module.def("actions_from_pixels", &actions_from_pixels, py::arg("pixels"), py::arg("rig"),
             py::arg("convention") = "paper", py::arg("axis_length") = 0.1);
}

}  // namespace action_images::bindings
