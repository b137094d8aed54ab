// SPDX-License-Identifier: Apache-2.0
#include "network.hpp"

#include <memory>
#include <optional>

#include <action_images/vae/patch_vae.hpp>
#include <action_images/vae/video_vae.hpp>

namespace py = pybind11;
using namespace action_images;

namespace {

constexpr const char* base_doc = R"(A causal video autoencoder: 4k + 1 frames become k + 1 latent frames.

Videos are (B, 3, T, H, W) in [-1, 1], latents (B, z, T_l, h, w), normalised per channel.)";

constexpr const char* patch_doc = R"(Linear causal video codec: each patch of 4 frames x 8 x 8 pixels times one matrix.

config has the optional keys channels (48), spatial_patch (8), temporal_patch (4) and kind ("patch"). Given `tensors`, it
computes with them: they are not copied, and gradients reach them.)";

constexpr const char* fit_doc =
    R"(Fits a PatchVAE in closed form: the principal components of the patches of all videos added.)";

}  // namespace

void bind_vae(py::module_& module) {
  const py::call_guard<py::gil_scoped_release> released;
  py::class_<VideoVae> base(module, "VideoVAE", base_doc);
  base.def("encode", &VideoVae::encode, py::arg("video"), released, "Normalised latents of a video.")
      .def("decode", &VideoVae::decode, py::arg("latents"), py::arg("clamp") = true, released,
           "Video of normalised latents, cut to [-1, 1] unless clamp is False.")
      .def("latent_frames", &VideoVae::latent_frames, py::arg("frames"), "Latent frames of a video of 4k + 1 frames.")
      .def("frames", &VideoVae::frames, py::arg("latent_frames"), "Frames of a video of this many latent frames.")
      .def_property_readonly("channels", &VideoVae::channels)
      .def_property_readonly("spatial_stride", &VideoVae::spatial_stride)
      .def_property_readonly("temporal_stride", &VideoVae::temporal_stride)
      .def_property_readonly("config", [](const VideoVae& self) { return binding::dict_from(self.config()); });
  binding::def_parameters(base);

  py::class_<PatchVae, VideoVae>(module, "PatchVAE", patch_doc)
      .def(py::init([](const py::dict& config, const std::optional<TensorMap>& tensors) {
             return std::make_unique<PatchVae>(patch_vae_config(binding::json_from(config)),
                                               tensors ? Parameters(*tensors) : Parameters());
           }),
           py::arg("config") = py::dict(), py::arg("tensors") = py::none());

  py::class_<PatchVaeFit>(module, "PatchVAEFit", fit_doc)
      .def(py::init([](const py::dict& config) {
             return std::make_unique<PatchVaeFit>(patch_vae_config(binding::json_from(config)));
           }),
           py::arg("config") = py::dict())
      .def("add", &PatchVaeFit::add, py::arg("video"), py::arg("weight") = 1.0, released,
           "Adds the patches of a video (B, 3, 4k + 1, H, W) in [-1, 1], each counted weight times.")
      .def("solve", &PatchVaeFit::solve, py::arg("channels") = 48, py::arg("std_power") = 0.5, released,
           "The PatchVAE of the leading components; latents are divided by their deviation to the power std_power.");
}
