// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <action_images/vggt/preprocess.hpp>
#include <action_images/vggt/vggt.hpp>

#include "network.hpp"

namespace py = pybind11;
using namespace action_images;

namespace {

constexpr const char* class_doc = R"(VGGT: cameras, depth and points of any number of pictures in one pass.

config has the keys img_size, patch, embed, heads, dino_depth, depth, reg, cam_depth, cam_heads, features, out_channels,
taps, all optional; the defaults are VGGT-1B's. Parameters carry the published names. Given `tensors`, the network
computes with them: they are not copied, and gradients reach them.)";

constexpr const char* call_doc = R"(What VGGT sees in images (B, S, 3, H, W) RGB in [0, 1], H and W multiples of the patch size.

A dict of pose_enc (B, S, 9), pose_enc_list (the same after each iteration), extrinsics (B, S, 3, 4) world-to-camera,
intrinsics (B, S, 3, 3), depth (B, S, H, W, 1), depth_conf (B, S, H, W), world_points (B, S, H, W, 3) and
world_points_conf (B, S, H, W). depth=False or points=False leaves a head out. chunk: pictures that a head takes at once.)";

constexpr const char* load_doc = R"(Copies tensors into the parameters: the network's own, or all of the published file,
whose tracking head is left out. Raises ValueError listing every name that does not fit.)";

py::dict dict_from(const VggtOutput& output) {
  py::dict result;
  const auto add = [&](const char* name, const at::Tensor& value) {
    if (value.defined()) result[name] = value;
  };
  add("pose_enc", output.pose_enc);
  result["pose_enc_list"] = output.pose_enc_list;
  add("extrinsics", output.cameras.extrinsics);
  add("intrinsics", output.cameras.intrinsics);
  add("depth", output.depth);
  add("depth_conf", output.depth_conf);
  add("world_points", output.world_points);
  add("world_points_conf", output.world_points_conf);
  return result;
}

using Placement = std::array<double, 4>;

std::pair<at::Tensor, std::vector<Placement>> prepare_pictures(const std::vector<at::Tensor>& pictures,
                                                               const std::string& sizing, std::int64_t side,
                                                               std::int64_t patch) {
  const VggtPictures made = vggt_pictures(pictures, vggt_sizing(sizing), side, patch);
  std::vector<Placement> placements;
  for (const auto& [scale_x, scale_y, offset_x, offset_y] : made.placements) {
    placements.push_back({scale_x, scale_y, offset_x, offset_y});
  }
  return {made.images, placements};
}

at::Tensor map_intrinsics(const at::Tensor& intrinsics, const std::vector<Placement>& rows) {
  std::vector<VggtPlacement> placements;
  for (const Placement& row : rows) placements.push_back({row[0], row[1], row[2], row[3]});
  return intrinsics_of_pictures(intrinsics, placements);
}

}  // namespace

void bind_vggt(py::module_& module) {
  const py::call_guard<py::gil_scoped_release> released;
  py::class_<Vggt> network(module, "VGGT", class_doc);
  network
      .def(py::init([](const py::dict& config, const std::optional<TensorMap>& tensors) {
             return std::make_unique<Vggt>(vggt_config(binding::json_from(config)),
                                           tensors ? Parameters(vggt_tensors(*tensors)) : Parameters());
           }),
           py::arg("config") = py::dict(), py::arg("tensors") = py::none())
      .def_property_readonly("config",
                             [](const Vggt& self) { return binding::dict_from(vggt_config_json(self.config())); })
      .def(
          "__call__",
          [](const Vggt& self, const at::Tensor& images, bool depth, bool points, std::int64_t chunk) {
            VggtOutput output;
            {
              const py::gil_scoped_release without_python;
              output = self.forward(images, {.depth = depth, .points = points, .chunk = chunk});
            }
            return dict_from(output);
          },
          py::arg("images"), py::kw_only(), py::arg("depth") = true, py::arg("points") = true, py::arg("chunk") = 8,
          call_doc)
      .def("aggregate", &Vggt::aggregate, py::arg("images"), py::arg("outputs"), released,
           "Outputs of the aggregator by index, each (B, S, tokens, 2 embed) float32; None for those not asked for.")
      .def(
          "trunk_to",
          [](py::object self, const py::object& dtype) {
            self.cast<Vggt&>().trunk_to(binding::dtype_from(dtype));
            return self;
          },
          py::arg("dtype"), "Casts all but the heads, e.g. to bfloat16, and returns the network.")
      .def(
          "load_state_dict",  // comes before the one of all networks, which takes the network's own names only
          [](Vggt& self, const TensorMap& tensors) { self.parameters().load(vggt_tensors(tensors)); },
          py::arg("tensors"), load_doc);
  binding::def_parameters(network);
  module.def(
      "cameras_from_pose_encoding",
      [](const at::Tensor& pose_encoding, std::int64_t height, std::int64_t width) {
        const VggtCameras cameras = cameras_from_pose_encoding(pose_encoding, height, width);
        return std::make_pair(cameras.extrinsics, cameras.intrinsics);
      },
      py::arg("pose_encoding"), py::arg("height"), py::arg("width"), released,
      "(extrinsics (..., 3, 4) world-to-camera, intrinsics (..., 3, 3)) of VGGT's nine numbers (..., 9).");
  module.def(
      "pose_encoding_from_cameras",
      [](const at::Tensor& extrinsics, const at::Tensor& intrinsics, std::int64_t height, std::int64_t width) {
        return pose_encoding_from_cameras({extrinsics, intrinsics}, height, width);
      },
      py::arg("extrinsics"), py::arg("intrinsics"), py::arg("height"), py::arg("width"), released,
      "The nine numbers (..., 9) of cameras; the inverse of cameras_from_pose_encoding.");
  module.def(
      "points_from_depth",
      [](const at::Tensor& depth, const at::Tensor& extrinsics, const at::Tensor& intrinsics, double pixel_offset) {
        return points_from_depth(depth, {extrinsics, intrinsics}, pixel_offset);
      },
      py::arg("depth"), py::arg("extrinsics"), py::arg("intrinsics"), py::arg("pixel_offset") = 0.5, released,
      "Points (..., H, W, 3) in the world that depth (..., H, W) shows; pixel_offset 0 is what VGGT's own code takes.");
  module.def("vggt_pictures", &prepare_pictures, py::arg("pictures"), py::arg("sizing") = "crop", py::arg("side") = 518,
             py::arg("patch") = 14, released,
             "Pictures, each (H, W, 3 or 4) uint8, as VGGT takes them: (images (S, 3, H, W) in [0, 1], placements).\n\n"
             "sizing: crop, pad, square or release. A placement (scale_x, scale_y, offset_x, offset_y) says where a picture\n"
             "lies in its image: x' = scale_x x + offset_x.");
  module.def("intrinsics_of_pictures", &map_intrinsics, py::arg("intrinsics"), py::arg("placements"), released,
             "Intrinsics (S, 3, 3) of the pictures themselves, from those of what the network saw.");
}
