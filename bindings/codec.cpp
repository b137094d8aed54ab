// SPDX-License-Identifier: Apache-2.0
// Python module action_images._codec: the torch-free codec on numpy arrays.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <pybind11/eigen.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <action_images/codec.hpp>
#include <action_images/codec_io.hpp>

namespace py = pybind11;
namespace aim = action_images;

namespace {

constexpr int dense = py::array::c_style | py::array::forcecast;
using Doubles = py::array_t<double, dense>;

std::vector<std::int64_t> shape_of(const py::array& array) { return {array.shape(), array.shape() + array.ndim()}; }

/// Numbers from lists or arrays. @throws ShapeError if rows differ in length or there is something else than numbers.
Doubles doubles_from(const py::object& object, const char* where, const char* argument, const char* expected) {
  Doubles array = Doubles::ensure(object);
  if (!array) {
    PyErr_Clear();
    throw aim::ShapeError(aim::expected_text(where, argument, std::string("numbers of shape ") + expected,
                                             py::str(py::type::of(object).attr("__name__")).cast<std::string>()));
  }
  return array;
}

template <int Size>
Eigen::Matrix<double, Size, Size> matrix_from(const py::object& object, const char* where, const char* argument) {
  const std::string expected = aim::shape_text({Size, Size});
  const Doubles array = doubles_from(object, where, argument, expected.c_str());
  aim::check_shape(array.ndim() == 2 && array.shape(0) == Size && array.shape(1) == Size, where, argument, expected,
                   shape_of(array));
  return Eigen::Map<const Eigen::Matrix<double, Size, Size, Eigen::RowMajor>>(array.data());
}

aim::Trajectory trajectory_from(const py::object& object, const char* where) {
  const Doubles array = doubles_from(object, where, "actions", "(T, 7)");
  aim::check_shape(array.ndim() == 2 && array.shape(1) == 7, where, "actions", "(T, 7)", shape_of(array));
  return aim::trajectory_from_matrix(Eigen::Map<const aim::ActionMatrix>(array.data(), array.shape(0), 7));
}

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

py::array encode(const py::object& actions, const aim::Rig& rig, const std::string& convention,
                 std::optional<double> sigma, double axis_length, const py::object& dtype, const py::object& out) {
  const aim::Trajectory trajectory = trajectory_from(actions, "codec::encode");
  const aim::EncodeOptions options{aim::convention_from_name(convention), sigma, axis_length};
  py::array images;
  if (out.is_none()) {
    const std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(rig.size()),
                                         static_cast<py::ssize_t>(trajectory.size()), rig.height(), rig.width(), 3};
    images = py::array(py::dtype::from_args(dtype), shape);
  } else {
    aim::check(py::isinstance<py::array>(out), "codec::encode", "out", "an array", "something else");
    images = out.cast<py::array>();
    check_images(images, "codec::encode", "out");
    aim::check(images.writeable() && (images.flags() & py::array::c_style) != 0, "codec::encode", "out",
               "a writable C-contiguous array", "another one");
  }
  if (images.dtype().is(py::dtype::of<std::uint8_t>())) {
    return encode_into<std::uint8_t>(trajectory, rig, images, options);
  }
  aim::check(images.dtype().is(py::dtype::of<float>()), "codec::encode", out.is_none() ? "dtype" : "out",
             "uint8 or float32", py::str(images.dtype()).cast<std::string>());
  return encode_into<float>(trajectory, rig, images, options);
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

py::array_t<float> plucker(const aim::Rig& rig) {
  py::array_t<float> rays({static_cast<py::ssize_t>(rig.size()), static_cast<py::ssize_t>(rig.height()),
                           static_cast<py::ssize_t>(rig.width()), py::ssize_t{6}});
  float* const values = rays.mutable_data();
  py::gil_scoped_release release;
  const auto size = static_cast<std::size_t>(rig.height()) * static_cast<std::size_t>(rig.width()) * 6;
  for (std::size_t view = 0; view < rig.size(); ++view) aim::write_plucker(rig[view], values + view * size);
  return rays;
}

Eigen::MatrixX2d project(const aim::Camera& camera, const py::object& object) {
  const Doubles points = doubles_from(object, "codec::Camera::project", "points", "(N, 3)");
  aim::check_shape(points.ndim() == 2 && points.shape(1) == 3, "codec::Camera::project", "points", "(N, 3)",
                   shape_of(points));
  Eigen::MatrixX2d pixels(points.shape(0), 2);
  for (py::ssize_t i = 0; i < points.shape(0); ++i) {
    const auto pixel = camera.project({points.at(i, 0), points.at(i, 1), points.at(i, 2)});
    pixels.row(i) = pixel.value_or(Eigen::Vector2d::Constant(std::numeric_limits<double>::quiet_NaN())).transpose();
  }
  return pixels;
}

/// Directions (N, 3) of the rays through pixels (N, 2).
Eigen::MatrixX3d ray_directions(const aim::Camera& camera, const py::object& object) {
  const Doubles pixels = doubles_from(object, "codec::Camera::rays", "pixels", "(N, 2)");
  aim::check_shape(pixels.ndim() == 2 && pixels.shape(1) == 2, "codec::Camera::rays", "pixels", "(N, 2)",
                   shape_of(pixels));
  Eigen::MatrixX3d directions(pixels.shape(0), 3);
  for (py::ssize_t i = 0; i < pixels.shape(0); ++i) {
    directions.row(i) = camera.ray({pixels.at(i, 0), pixels.at(i, 1)}).direction.transpose();
  }
  return directions;
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

Eigen::Vector3d vector_from(const py::object& object, const char* where, const char* argument) {
  const Doubles array = doubles_from(object, where, argument, "(3,)");
  aim::check_shape(array.ndim() == 1 && array.shape(0) == 3, where, argument, "(3,)", shape_of(array));
  return {array.at(0), array.at(1), array.at(2)};
}

/// One row-major array (V, rows, columns) from a matrix of every camera.
template <typename Get>
py::array_t<double> stacked(const aim::Rig& rig, py::ssize_t size, const Get& get) {
  py::array_t<double> matrices({static_cast<py::ssize_t>(rig.size()), size, size});
  auto values = matrices.mutable_unchecked<3>();
  for (std::size_t view = 0; view < rig.size(); ++view) {
    const auto matrix = get(rig[view]);
    for (py::ssize_t i = 0; i < size; ++i) {
      for (py::ssize_t j = 0; j < size; ++j) values(static_cast<py::ssize_t>(view), i, j) = matrix(i, j);
    }
  }
  return matrices;
}

const aim::Camera& camera_at(const aim::Rig& rig, py::ssize_t view) {
  const auto size = static_cast<py::ssize_t>(rig.size());
  if (view < -size || view >= size) throw py::index_error("view " + std::to_string(view));
  return rig[static_cast<std::size_t>(view < 0 ? view + size : view)];
}

std::string repr(const aim::Decoded& decoded) {
  const auto valid = std::count(decoded.valid.begin(), decoded.valid.end(), true);
  return aim::text_of("Decoded(frames=", decoded.valid.size(), ", valid=", valid, ")");
}

void bind_errors(py::module_& module) {
  py::register_exception<aim::ShapeError>(module, "ShapeError", PyExc_ValueError);
  py::register_exception<aim::FormatError>(module, "FormatError", PyExc_ValueError);
  py::register_exception<aim::NumericalError>(module, "NumericalError", PyExc_ValueError);
}

void bind_camera(py::module_& module) {
  using aim::Camera;
  py::class_<Camera>(module, "Camera", "Calibrated pinhole camera without distortion, and its picture size.")
      .def(py::init([](const py::object& intrinsics, const py::object& world_from_camera, int width, int height) {
             return Camera(matrix_from<3>(intrinsics, "codec::Camera", "intrinsics"),
                           matrix_from<4>(world_from_camera, "codec::Camera", "world_from_camera"), width, height);
           }),
           py::kw_only(), py::arg("intrinsics"), py::arg("world_from_camera"), py::arg("width"), py::arg("height"))
      .def_property_readonly("intrinsics", [](const Camera& camera) { return Eigen::Matrix3d(camera.intrinsics()); })
      .def_property_readonly("world_from_camera",
                             [](const Camera& camera) { return Eigen::Matrix4d(camera.world_from_camera().matrix()); })
      .def_property_readonly("width", &Camera::width)
      .def_property_readonly("height", &Camera::height)
      .def("project", &project, py::arg("points"), "Pixels (N, 2) of world points (N, 3); NaN behind the camera.")
      .def("rays", &ray_directions, py::arg("pixels"), "Unit directions (N, 3) in world axes of pixels (N, 2).")
      .def("center_crop_resize", &Camera::center_crop_resize, py::arg("height"), py::arg("width"))
      .def("__repr__", [](const Camera& camera) {
        return aim::text_of("Camera(width=", camera.width(), ", height=", camera.height(), ")");
      });
}

void bind_rig(py::module_& module) {
  using aim::Camera, aim::Rig;
  py::class_<Rig>(module, "Rig", "V >= 1 calibrated views of one scene with pictures of one size.")
      .def(py::init<std::vector<Camera>>(), py::arg("cameras"))
      .def_static("load", &aim::load_rig, py::arg("path"))
      .def("save", &aim::save_rig, py::arg("path"))
      .def("__len__", &Rig::size)
      .def("__getitem__", &camera_at, py::return_value_policy::reference_internal)
      .def(
          "__iter__", [](const Rig& rig) { return py::make_iterator(rig.begin(), rig.end()); }, py::keep_alive<0, 1>())
      .def_property_readonly("width", &Rig::width)
      .def_property_readonly("height", &Rig::height)
      .def_property_readonly("intrinsics",
                             [](const Rig& rig) { return stacked(rig, 3, [](auto& c) { return c.intrinsics(); }); })
      .def_property_readonly(
          "world_from_camera",
          [](const Rig& rig) { return stacked(rig, 4, [](auto& c) { return c.world_from_camera().matrix(); }); })
      .def("relative_to_first", &Rig::relative_to_first)
      .def("center_crop_resize", &Rig::center_crop_resize, py::arg("height"), py::arg("width"))
      .def("__repr__", [](const Rig& rig) {
        return aim::text_of("Rig(views=", rig.size(), ", width=", rig.width(), ", height=", rig.height(), ")");
      });
}

void bind_decoded(py::module_& module) {
  using aim::Decoded;
  py::class_<Decoded>(module, "Decoded", "What action images say, T frames.")
      .def_property_readonly("actions", [](const Decoded& self) { return aim::matrix_from_trajectory(self.actions); })
      .def_property_readonly(
          "points",
          [](const Decoded& self) {
            return py::array_t<double>({self.actions.size(), std::size_t{3}, std::size_t{3}}, self.points.data());
          })
      .def_property_readonly("confidence",
                             [](const Decoded& self) {
                               return py::array_t<double>(static_cast<py::ssize_t>(self.confidence.size()),
                                                          self.confidence.data());
                             })
      .def_property_readonly(
          "openness",
          [](const Decoded& self) { return Eigen::VectorXd(aim::matrix_from_trajectory(self.actions).col(6)); })
      .def_property_readonly("valid",
                             [](const Decoded& self) {
                               py::array_t<bool> valid(static_cast<py::ssize_t>(self.valid.size()));
                               std::copy(self.valid.begin(), self.valid.end(), valid.mutable_data());
                               return valid;
                             })
      .def("__len__", [](const Decoded& self) { return self.actions.size(); })
      .def("__repr__", &repr);
}

void bind_functions(py::module_& module) {
  module.def("encode", &encode, py::arg("actions"), py::arg("rig"), py::arg("convention") = "paper",
             py::arg("sigma") = py::none(), py::arg("axis_length") = 0.1, py::kw_only(), py::arg("dtype") = "uint8",
             py::arg("out") = py::none());
  module.def(
      "decode",
      [](const py::object& images, const aim::Rig& rig, const std::string& convention, std::optional<double> sigma,
         double axis_length, bool fill, std::optional<double> depth, double min_confidence) {
        return decode(images, rig,
                      {aim::convention_from_name(convention), sigma, axis_length, fill, depth, min_confidence});
      },
      py::arg("images"), py::arg("rig"), py::arg("convention") = "paper", py::arg("sigma") = py::none(),
      py::arg("axis_length") = 0.1, py::kw_only(), py::arg("fill") = true, py::arg("depth") = py::none(),
      py::arg("min_confidence") = 0.001);
  module.def("plucker", &plucker, py::arg("rig"));
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

}  // namespace

PYBIND11_MODULE(_codec, module) {
  module.doc() = "The action-image codec on numpy arrays; see action_images.";
  module.attr("__version__") = aim::version;
  bind_errors(module);
  bind_camera(module);
  bind_rig(module);
  bind_decoded(module);
  bind_functions(module);
  bind_files(module);
}
