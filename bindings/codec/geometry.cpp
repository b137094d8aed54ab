// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <action_images/codec/rig.hpp>
#include <action_images/codec_io/rig_file.hpp>

#include "arrays.hpp"

namespace action_images::bindings {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Eigen::MatrixX2d project(const aim::Camera& camera, const py::object& object) {
  const Doubles points = doubles_from(object, "codec::Camera::project", "points", "(N, 3)");
  aim::check_shape(points.ndim() == 2 && points.shape(1) == 3, "codec::Camera::project", "points", "(N, 3)",
                   shape_of(points));
  Eigen::MatrixX2d pixels(points.shape(0), 2);
  for (py::ssize_t i = 0; i < points.shape(0); ++i) {
    const auto pixel = camera.project({points.at(i, 0), points.at(i, 1), points.at(i, 2)});
    pixels.row(i) = pixel.value_or(Eigen::Vector2d::Constant(nan)).transpose();
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
    const auto ray = camera.ray({pixels.at(i, 0), pixels.at(i, 1)});
    directions.row(i).setConstant(nan);
    if (ray) directions.row(i) = ray->direction.transpose();
  }
  return directions;
}

/// Lens and pose as Python's constructors of a camera take them.
struct CameraOptions {
  int width;
  int height;
  std::string lens;
  std::vector<double> distortion;

  aim::Distortion lens_distortion() const { return {aim::lens_model_from_name(lens), distortion}; }
};

aim::Camera make_camera(const py::object& intrinsics, const py::object& world_from_camera, const std::string& axes,
                        const CameraOptions& options) {
  const Eigen::Matrix4d pose = matrix_from<4>(world_from_camera, "codec::Camera", "world_from_camera");
  return {matrix_from<3>(intrinsics, "codec::Camera", "intrinsics"),
          aim::pose_from_axes(pose, aim::camera_axes_from_name(axes)), options.width, options.height,
          options.lens_distortion()};
}

aim::Camera camera_from_opencv(const py::object& intrinsics, const py::object& rotation, const py::object& translation,
                               const CameraOptions& options) {
  constexpr const char* where = "codec::Camera::from_opencv";
  return aim::Camera::from_opencv(
      matrix_from<3>(intrinsics, where, "K"), matrix_from<3>(rotation, where, "R_camera_from_world"),
      vector_from(translation, where, "t"), {options.width, options.height}, options.lens_distortion());
}

/// Matrices of all cameras: (V, n, n), or (V, T, n, n) if the rig moves.
template <typename Get>
py::array_t<double> stacked(const aim::Rig& rig, py::ssize_t size, const Get& get) {
  std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(rig.size())};
  if (rig.is_moving()) shape.push_back(static_cast<py::ssize_t>(rig.frames()));
  shape.insert(shape.end(), {size, size});
  py::array_t<double> matrices(shape);
  double* values = matrices.mutable_data();
  for (const aim::Camera& camera : rig) {
    const auto matrix = get(camera);
    for (py::ssize_t i = 0; i < size; ++i) {
      for (py::ssize_t j = 0; j < size; ++j) *values++ = matrix(i, j);
    }
  }
  return matrices;
}

std::size_t index_of(py::ssize_t index, std::size_t size, const char* what) {
  const auto count = static_cast<py::ssize_t>(size);
  if (index < -count || index >= count) throw py::index_error(aim::text_of(what, ' ', index));
  return static_cast<std::size_t>(index < 0 ? index + count : index);
}

const aim::Camera& camera_of(const aim::Rig& rig, py::ssize_t view, py::ssize_t time) {
  const std::size_t v = index_of(view, rig.size(), "view");
  return rig.camera(v, rig.is_moving() ? index_of(time, rig.frames(), "frame") : 0);
}

/// A rig of cameras, or of lists of cameras for views that move.
aim::Rig make_rig(const py::sequence& views, std::optional<std::vector<std::string>> names) {
  std::vector<std::vector<aim::Camera>> cameras;
  for (const py::handle view : views) {
    if (py::isinstance<aim::Camera>(view)) {
      cameras.push_back({view.cast<aim::Camera>()});
      continue;
    }
    aim::check(py::isinstance<py::sequence>(view), "codec::Rig", "cameras",
               "a Camera, or a list of them, for every view",
               py::str(py::type::of(view).attr("__name__")).cast<std::string>());
    cameras.push_back(view.cast<std::vector<aim::Camera>>());
  }
  const aim::Rig rig = aim::Rig::moving(cameras);
  return names ? rig.named(std::move(*names)) : rig;
}

/// Rig of VGGT's arrays: world-to-camera (V, 3, 4) and intrinsics (V, 3, 3).
aim::Rig rig_from_vggt(const py::object& extrinsic, const py::object& intrinsic, int width, int height) {
  constexpr const char* where = "codec::Rig::from_vggt";
  using Pose = Eigen::Matrix<double, 3, 4, Eigen::RowMajor>;
  using Intrinsics = Eigen::Matrix<double, 3, 3, Eigen::RowMajor>;
  const Doubles poses = doubles_from(extrinsic, where, "extrinsic", "(V, 3, 4)");
  aim::check_shape(poses.ndim() == 3 && poses.shape(1) == 3 && poses.shape(2) == 4, where, "extrinsic", "(V, 3, 4)",
                   shape_of(poses));
  const Doubles matrices = doubles_from(intrinsic, where, "intrinsic", "(V, 3, 3)");
  const std::vector<std::int64_t> expected{poses.shape(0), 3, 3};
  aim::check_shape(shape_of(matrices) == expected, where, "intrinsic", aim::shape_text(expected), shape_of(matrices));
  std::vector<aim::Camera> cameras;
  for (py::ssize_t view = 0; view < poses.shape(0); ++view) {
    const Eigen::Map<const Pose> camera_from_world(poses.data(view));
    cameras.push_back(aim::Camera::from_opencv(Eigen::Map<const Intrinsics>(matrices.data(view)),
                                               camera_from_world.leftCols<3>(), camera_from_world.col(3),
                                               {width, height}));
  }
  return aim::Rig(cameras);
}

void bind_camera(py::module_& module) {
  using aim::Camera;
  py::class_<Camera>(module, "Camera", "Calibrated camera, pinhole or with a distorting lens, and its picture size.")
      .def(py::init([](const py::object& intrinsics, const py::object& world_from_camera, int width, int height,
                       const std::string& axes, const std::string& lens, const std::vector<double>& distortion) {
             return make_camera(intrinsics, world_from_camera, axes, {width, height, lens, distortion});
           }),
           py::kw_only(), py::arg("intrinsics"), py::arg("world_from_camera"), py::arg("width"), py::arg("height"),
           py::arg("axes") = "opencv", py::arg("lens") = "none", py::arg("distortion") = std::vector<double>())
      .def_static(
          "from_opencv",
          [](const py::object& intrinsics, const py::object& rotation, const py::object& translation, int width,
             int height, const std::string& lens, const std::vector<double>& distortion) {
            return camera_from_opencv(intrinsics, rotation, translation, {width, height, lens, distortion});
          },
          py::arg("K"), py::arg("R_camera_from_world"), py::arg("t"), py::kw_only(), py::arg("width"),
          py::arg("height"), py::arg("lens") = "none", py::arg("distortion") = std::vector<double>())
      .def_property_readonly("intrinsics", [](const Camera& camera) { return Eigen::Matrix3d(camera.intrinsics()); })
      .def_property_readonly("world_from_camera",
                             [](const Camera& camera) { return Eigen::Matrix4d(camera.world_from_camera().matrix()); })
      .def_property_readonly("camera_from_world",
                             [](const Camera& camera) { return Eigen::Matrix4d(camera.camera_from_world().matrix()); })
      .def_property_readonly("width", &Camera::width)
      .def_property_readonly("height", &Camera::height)
      .def_property_readonly("lens", [](const Camera& camera) { return aim::name_of(camera.distortion().model()); })
      .def_property_readonly("distortion", [](const Camera& camera) { return camera.distortion().coefficients(); })
      .def(
          "pose",
          [](const Camera& camera, const std::string& axes) {
            return aim::pose_to_axes(camera.world_from_camera().matrix(), aim::camera_axes_from_name(axes));
          },
          py::arg("axes") = "opencv")
      .def("project", &project, py::arg("points"))
      .def("rays", &ray_directions, py::arg("pixels"))
      .def("mirrored", &Camera::mirrored)
      .def("center_crop_resize", &Camera::center_crop_resize, py::arg("height"), py::arg("width"))
      .def("__repr__", [](const Camera& camera) {
        return aim::text_of("Camera(width=", camera.width(), ", height=", camera.height(), ")");
      });
}

void bind_rig(py::module_& module) {
  using aim::Rig;
  py::class_<Rig>(module, "Rig", "V >= 1 calibrated views of one scene with pictures of one size.")
      .def(py::init(&make_rig), py::arg("cameras"), py::kw_only(), py::arg("names") = py::none())
      .def_static("from_vggt", &rig_from_vggt, py::arg("extrinsic"), py::arg("intrinsic"), py::kw_only(),
                  py::arg("width"), py::arg("height"))
      .def("save", &aim::save_rig, py::arg("path"))
      .def("__len__", &Rig::size)
      .def(
          "__getitem__", [](const Rig& rig, py::ssize_t view) { return camera_of(rig, view, 0); }, py::arg("view"))
      .def("camera", &camera_of, py::arg("view"), py::arg("time") = 0, py::return_value_policy::copy)
      .def("__iter__",
           [](const Rig& rig) {
             py::list views;
             for (std::size_t view = 0; view < rig.size(); ++view) views.append(rig[view]);
             return py::iter(views);
           })
      .def_property_readonly("width", &Rig::width)
      .def_property_readonly("height", &Rig::height)
      .def_property_readonly("names", &Rig::names)
      .def_property_readonly("frames", &Rig::frames)
      .def_property_readonly("is_moving", &Rig::is_moving)
      .def_property_readonly("intrinsics",
                             [](const Rig& rig) { return stacked(rig, 3, [](auto& c) { return c.intrinsics(); }); })
      .def_property_readonly(
          "world_from_camera",
          [](const Rig& rig) { return stacked(rig, 4, [](auto& c) { return c.world_from_camera().matrix(); }); })
      .def("clip", &Rig::clip, py::arg("first"), py::arg("count"))
      .def("relative_to_first", &Rig::relative_to_first)
      .def("mirrored", &Rig::mirrored)
      .def("center_crop_resize", &Rig::center_crop_resize, py::arg("height"), py::arg("width"))
      .def("__repr__", [](const Rig& rig) {
        return aim::text_of("Rig(views=", rig.size(), rig.is_moving() ? aim::text_of(", frames=", rig.frames()) : "",
                            ", width=", rig.width(), ", height=", rig.height(), ")");
      });
}

}  // namespace

void bind_geometry(py::module_& module) {
  bind_camera(module);
  bind_rig(module);
}

}  // namespace action_images::bindings
