// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <optional>

#include <action_images/wan/image_encoder.hpp>

#include "network.hpp"

namespace py = pybind11;
using namespace action_images;

namespace {

constexpr const char* class_doc = R"(The image encoder of Wan 2.1 I2V 14B: CLIP ViT-H/14 without its last layer.

config has the keys image_size, patch_size, dim, ffn_dim, num_heads, num_layers, eps, all optional, and
"preset": "wan2.1-clip". Parameters carry the published names (visual.*). Given `tensors`, the network computes with
them: they are not copied, and gradients reach them.)";

constexpr const char* load_doc = R"(Copies tensors into the parameters: the network's own, or a whole published file, or
transformers' CLIPVisionModel. Raises ValueError listing every name that does not fit.)";

}  // namespace

void bind_image_encoder(py::module_& module) {
  const py::call_guard<py::gil_scoped_release> released;
  py::class_<WanImageEncoder> encoder(module, "WanImageEncoder", class_doc);
  encoder
      .def(py::init([](const py::dict& config, const std::optional<TensorMap>& tensors) {
             return std::make_unique<WanImageEncoder>(wan_image_encoder_config(binding::json_from(config)),
                                                      tensors ? Parameters(*tensors) : Parameters());
           }),
           py::arg("config") = py::dict(), py::arg("tensors") = py::none())
      .def_property_readonly(
          "config",
          [](const WanImageEncoder& self) { return binding::dict_from(wan_image_encoder_config_json(self.config())); })
      .def("__call__", &WanImageEncoder::encode, py::arg("images"), released,
           "Tokens (B, (image_size / patch_size)^2 + 1, dim) of images (B, 3, H, W) in [-1, 1], of any size.")
      .def(
          "load_state_dict",  // comes before the one of all networks, which takes the network's own names only
          [](WanImageEncoder& self, const TensorMap& tensors) {
            self.parameters().load(wan_image_encoder_tensors(tensors, self.config()));
          },
          py::arg("tensors"), load_doc);
  binding::def_parameters(encoder);
  module.def("clip_pixels", &clip_pixels, py::arg("images"), py::arg("size"), released,
             "Images (B, 3, H, W) in [-1, 1] resized to (B, 3, size, size) and normalised as CLIP takes them.");
}
