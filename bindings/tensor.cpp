// SPDX-License-Identifier: Apache-2.0
#include <torch/csrc/utils/pybind.h>

#include <pybind11/stl.h>

#include <action_images/tensor/codec.hpp>

namespace py = pybind11;
using namespace action_images;

namespace {

using OptionalTensor = std::optional<at::Tensor>;

TensorRig rig_of(const at::Tensor& intrinsics, const at::Tensor& world_from_camera, std::int64_t height,
                 std::int64_t width, const OptionalTensor& distortion, const OptionalTensor& fisheye) {
  TensorRig rig(intrinsics, world_from_camera, height, width, distortion.value_or(at::Tensor()),
                fisheye.value_or(at::Tensor()));
  check_shape(intrinsics.dim() == 3 || intrinsics.dim() == 4, "tensor::TensorRig", "intrinsics",
              "(V, 3, 3) or (V, T, 3, 3)", intrinsics.sizes());
  check_rig(rig, rig.frames(), intrinsics.device(), "tensor::TensorRig");
  return rig;
}

at::Tensor encode_named(const at::Tensor& actions, const TensorRig& rig, const std::string& convention,
                        std::optional<double> sigma, double axis_length) {
  return encode_tensor(actions, rig, {convention_from_name(convention), sigma, axis_length});
}

TensorDecoded decode_named(const at::Tensor& images, const TensorRig& rig, const std::string& convention,
                           std::optional<double> sigma, double axis_length, std::optional<double> depth,
                           const std::optional<std::array<double, 4>>& plane, double min_confidence) {
  return decode_tensor(images, rig,
                       {convention_from_name(convention), sigma, axis_length, depth, plane, min_confidence});
}

void bind_tensor_rig(py::module_& module) {
  py::class_<TensorRig>(module, "TensorRig", R"(The cameras of V views as tensors of one device.

intrinsics (V, 3, 3) or (V, T, 3, 3) [px]; world_from_camera (V, 4, 4) or (V, T, 4, 4) [m]; distortion (V, 8) or
(V, T, 8), zeros for a pinhole; fisheye (V) or (V, T) bool. Raises ValueError if they do not fit together.)")
      .def(py::init(&rig_of), py::kw_only(), py::arg("intrinsics"), py::arg("world_from_camera"), py::arg("height"),
           py::arg("width"), py::arg("distortion") = py::none(), py::arg("fisheye") = py::none())
      .def_readonly("intrinsics", &TensorRig::intrinsics)
      .def_readonly("world_from_camera", &TensorRig::world_from_camera)
      .def_readonly("height", &TensorRig::height)
      .def_readonly("width", &TensorRig::width)
      .def("__len__", &TensorRig::views);
}

void bind_tensor_codec(py::module_& module) {
  const py::call_guard<py::gil_scoped_release> released;
  bind_tensor_rig(module);
  py::class_<TensorDecoded>(module, "TensorDecoded", "What action images say: leading axes, T frames of V views.")
      .def_readonly("actions", &TensorDecoded::actions)
      .def_readonly("points", &TensorDecoded::points)
      .def_readonly("covariance", &TensorDecoded::covariance)
      .def_readonly("point_confidence", &TensorDecoded::point_confidence)
      .def_readonly("confidence", &TensorDecoded::confidence)
      .def_readonly("reprojection_error", &TensorDecoded::reprojection_error)
      .def_readonly("pixels", &TensorDecoded::pixels)
      .def_readonly("sigma", &TensorDecoded::sigma)
      .def_readonly("used", &TensorDecoded::used)
      .def_readonly("valid", &TensorDecoded::valid);
  module.def("encode_tensor", &encode_named, py::arg("actions"), py::arg("rig"), py::arg("convention") = "paper",
             py::arg("sigma") = py::none(), py::arg("axis_length") = 0.1, released,
             "Draws action images on tensors; see action_images.model.encode_tensor.");
  module.def("decode_tensor", &decode_named, py::arg("images"), py::arg("rig"), py::arg("convention") = "paper",
             py::arg("sigma") = py::none(), py::arg("axis_length") = 0.1, py::arg("depth") = py::none(),
             py::arg("plane") = py::none(), py::arg("min_confidence") = 0.001, released,
             "Reads action images on tensors; see action_images.model.decode_tensor.");
}

}  // namespace

void bind_tensor(py::module_& module) {
  bind_tensor_codec(module);
}
