// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <pybind11/stl.h>

#include <action_images/codec/decode.hpp>
#include <action_images/codec/encode.hpp>

#include "arrays.hpp"

namespace action_images::bindings {

namespace {

template <typename Pixel>
aim::ImagesView<Pixel> images_view(const py::array& array, Pixel* data) {
  const auto size = [&](int axis) { return static_cast<std::size_t>(array.shape(axis)); };
  return {data, size(0), size(1), size(2), size(3)};
}

void check_images(const py::array& array, const char* where, const char* argument) {
  aim::check_shape(array.ndim() == 5 && array.shape(4) == 3, where, argument, "(V, T, H, W, 3)", shape_of(array));
}

template <typename Pixel>
py::array encode_into(const aim::Trajectory& actions, const aim::Rig& rig, py::array out,
                      const aim::EncodeOptions& options) {
  const auto images = images_view(out, static_cast<Pixel*>(out.mutable_data()));
  py::gil_scoped_release release;
  aim::encode_into(actions, rig, images, options);
  return out;
}

py::array encode(const py::object& actions, const aim::Rig& rig, const aim::EncodeOptions& options,
                 const py::object& dtype, const py::object& out) {
  const aim::Trajectory trajectory = trajectory_from(actions, "codec::encode");
  py::array images;
  if (out.is_none()) {
    const std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(rig.size()),
                                         static_cast<py::ssize_t>(trajectory.size()), rig.height(), rig.width(), 3};
    images = py::array(py::dtype::from_args(dtype), shape);
  } else {
    aim::check(py::isinstance<py::array>(out), "codec::encode", "out", "an array", "something else");
    images = out.cast<py::array>();
    check_images(images, "codec::encode", "out");
    check_writable(images, "codec::encode");
  }
  if (images.dtype().is(py::dtype::of<std::uint8_t>())) {
    return encode_into<std::uint8_t>(trajectory, rig, images, options);
  }
  aim::check(images.dtype().is(py::dtype::of<float>()), "codec::encode", out.is_none() ? "dtype" : "out",
             "uint8 or float32", py::str(images.dtype()).cast<std::string>());
  return encode_into<float>(trajectory, rig, images, options);
}

Eigen::Vector4d plane_from(const py::object& object) {
  const Doubles plane = doubles_from(object, "codec::decode", "plane", "(4,)");
  aim::check_shape(plane.ndim() == 1 && plane.shape(0) == 4, "codec::decode", "plane", "(4,)", shape_of(plane));
  return {plane.at(0), plane.at(1), plane.at(2), plane.at(3)};
}

aim::Decoded decode(const py::object& object, const aim::Rig& rig, const aim::DecodeOptions& options) {
  py::array images = py::array::ensure(object);
  if (!images) {
    PyErr_Clear();
    throw aim::ShapeError(aim::expected_text("codec::decode", "images", "an array (V, T, H, W, 3)", "something else"));
  }
  check_images(images, "codec::decode", "images");
  if (images.dtype().is(py::dtype::of<std::uint8_t>())) {
    const auto pixels = py::array_t<std::uint8_t, dense>::ensure(images);
    const auto view = images_view(pixels, pixels.data());
    py::gil_scoped_release release;
    return aim::decode(view, rig, options);
  }
  aim::check(images.dtype().kind() == 'f', "codec::decode", "images", "uint8, or floating point in [0, 1]",
             py::str(images.dtype()).cast<std::string>());
  const auto pixels = py::array_t<float, dense>::ensure(images);
  const auto view = images_view(pixels, pixels.data());
  py::gil_scoped_release release;
  return aim::decode(view, rig, options);
}

py::array_t<double> action_points(const py::object& actions, double axis_length) {
  const aim::Trajectory trajectory = trajectory_from(actions, "codec::action_points");
  py::array_t<double> points({static_cast<py::ssize_t>(trajectory.size()), py::ssize_t{3}, py::ssize_t{3}});
  double* values = points.mutable_data();
  for (const aim::Action& action : trajectory) {
    Eigen::Map<aim::ActionPoints>{values} = aim::points_of(action, axis_length);  // columns are points
    values += 9;
  }
  return points;
}

std::string repr(const aim::Decoded& decoded) {
  const auto valid = std::count(decoded.valid.begin(), decoded.valid.end(), true);
  return aim::text_of("Decoded(frames=", decoded.valid.size(), ", valid=", valid, ")");
}

/// A copy of an xtensor as a numpy array.
template <typename Value, std::size_t Axes>
py::array_t<Value> array_of(const xt::xtensor<Value, Axes>& values) {
  return py::array_t<Value>(std::vector<py::ssize_t>(values.shape().begin(), values.shape().end()), values.data());
}

void bind_decoded(py::module_& module) {
  using aim::Decoded;
  const auto vector_of = [](const auto& values) {
    py::array_t<std::decay_t<decltype(values[0])>> array(static_cast<py::ssize_t>(values.size()));
    std::copy(values.begin(), values.end(), array.mutable_data());
    return array;
  };
  py::class_<Decoded>(module, "Decoded", "What action images say, T frames of V views.")
      .def_property_readonly("actions", [](const Decoded& self) { return aim::matrix_from_trajectory(self.actions); })
      .def_property_readonly("points", [](const Decoded& self) { return array_of(self.points); })
      .def_property_readonly("covariance", [](const Decoded& self) { return array_of(self.covariance); })
      .def_property_readonly("point_confidence", [](const Decoded& self) { return array_of(self.point_confidence); })
      .def_property_readonly("confidence", [=](const Decoded& self) { return vector_of(self.confidence); })
      .def_property_readonly("reprojection_error",
                             [](const Decoded& self) { return array_of(self.reprojection_error); })
      .def_property_readonly("pixels", [](const Decoded& self) { return array_of(self.pixels); })
      .def_property_readonly("sigma", [](const Decoded& self) { return array_of(self.sigma); })
      .def_property_readonly("used_views", [](const Decoded& self) { return array_of(self.used); })
      .def_property_readonly(
          "openness",
          [](const Decoded& self) { return Eigen::VectorXd(aim::matrix_from_trajectory(self.actions).col(6)); })
      .def_property_readonly("valid",
                             [](const Decoded& self) {
                               py::array_t<bool> valid(static_cast<py::ssize_t>(self.valid.size()));
                               std::copy(self.valid.begin(), self.valid.end(), valid.mutable_data());
                               return valid;
                             })
      .def("__len__", &Decoded::frames)
      .def("__repr__", &repr);
}

}  // namespace

void bind_images(py::module_& module) {
  bind_decoded(module);
  module.def(
      "encode",
      [](const py::object& actions, const aim::Rig& rig, const std::string& convention, std::optional<double> sigma,
         double axis_length, double threshold, const py::object& dtype, const py::object& out, std::int64_t threads) {
        const aim::EncodeOptions options{aim::convention_from_name(convention), sigma, axis_length, threshold,
                                         threads_from(threads, "codec::encode")};
        return encode(actions, rig, options, dtype, out);
      },
      py::arg("actions"), py::arg("rig"), py::arg("convention") = "paper", py::arg("sigma") = py::none(),
      py::arg("axis_length") = 0.1, py::kw_only(), py::arg("threshold") = aim::background_level,
      py::arg("dtype") = "uint8", py::arg("out") = py::none(), py::arg("threads") = 0);
  module.def(
      "decode",
      [](const py::object& images, const aim::Rig& rig, const std::string& convention, std::optional<double> sigma,
         double axis_length, double threshold, const std::string& method, bool fill, std::optional<double> depth,
         const py::object& plane, double near, double far, std::int64_t samples, double min_confidence,
         std::int64_t threads) {
        aim::DecodeOptions options{
            aim::convention_from_name(convention), sigma, axis_length, fill, depth, min_confidence};
        options.threshold = threshold;
        options.method = aim::decode_method_from_name(method);
        options.near = near;
        options.far = far;
        options.samples = static_cast<std::size_t>(std::max<std::int64_t>(samples, 0));
        options.threads = threads_from(threads, "codec::decode");
        if (!plane.is_none()) options.plane = plane_from(plane);
        return decode(images, rig, options);
      },
      py::arg("images"), py::arg("rig"), py::arg("convention") = "paper", py::arg("sigma") = py::none(),
      py::arg("axis_length") = 0.1, py::kw_only(), py::arg("threshold") = aim::background_level,
      py::arg("method") = "robust", py::arg("fill") = true, py::arg("depth") = py::none(),
      py::arg("plane") = py::none(), py::arg("near") = 0.5, py::arg("far") = 1.0, py::arg("samples") = 512,
      py::arg("min_confidence") = 0.001, py::arg("threads") = 0);
  module.def("action_points", &action_points, py::arg("actions"), py::arg("axis_length") = 0.1);
  module.def(
      "rotation_from_euler",
      [](const py::object& euler) {
        return aim::rotation_from_euler(vector_from(euler, "codec::rotation_from_euler", "euler"));
      },
      py::arg("euler"));
  module.def(
      "euler_from_rotation",
      [](const py::object& rotation) {
        return aim::euler_from_rotation(matrix_from<3>(rotation, "codec::euler_from_rotation", "rotation"));
      },
      py::arg("rotation"));
}

}  // namespace action_images::bindings
