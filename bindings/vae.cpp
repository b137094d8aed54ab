// SPDX-License-Identifier: Apache-2.0
#include "network.hpp"

#include <array>
#include <memory>
#include <optional>

#include <action_images/vae/patch_vae.hpp>
#include <action_images/vae/video_vae.hpp>
#include <action_images/vae/wan_vae.hpp>
#include <action_images/vae/wan_vae_names.hpp>

namespace py = pybind11;
using namespace action_images;

namespace {

constexpr const char* base_doc = R"(A causal video autoencoder: 4k + 1 frames become k + 1 latent frames.

Videos are (B, 3, T, H, W) in [-1, 1], latents (B, z, T_l, h, w), normalised per channel.)";

constexpr const char* encode_doc = R"(Normalised latents of a video; one frame is a picture.

tiled: encode overlapping tiles and blend them; tile_size and tile_stride are (height, width) in latents. progress is
called with (latent frames done, all), each tile counting its own; False from it stops.)";

constexpr const char* decode_doc = R"(Video of normalised latents, cut to [-1, 1] unless clamp is False.

tiled, tile_size, tile_stride and progress are those of encode().)";

constexpr const char* wan_doc =
    R"(Wan's causal video autoencoder, 2.2 (48 channels, 4 x 16 x 16) or 2.1 (16 channels, 4 x 8 x 8).

config has the keys version ("2.2" or "2.1"), dim, dec_dim, z_dim, dim_mult, num_res_blocks, attn_scales,
temporal_downsample, mean and std, all optional: the published sizes by default. Parameters carry the names of the
published checkpoints, in dtype (float32). Given `tensors`, it computes with them: they are not copied, and gradients
reach them.)";

constexpr const char* encoder_doc = R"(Encodes a video as it comes in: the same bits for any grouping of the frames.)";
constexpr const char* decoder_doc =
    R"(Decodes latents as they come in: the same bits for any grouping of the latent frames.)";

constexpr const char* patch_doc = R"(Linear causal video codec: each patch of 4 frames x 8 x 8 pixels times one matrix.

config has the optional keys channels (48), spatial_patch (8), temporal_patch (4) and kind ("patch"). Given `tensors`, it
computes with them: they are not copied, and gradients reach them.)";

constexpr const char* fit_doc =
    R"(Fits a PatchVAE in closed form: the principal components of the patches of all videos added.)";

using Size = std::array<std::int64_t, 2>;

// Ctrl-C ends the call at the next latent frame; only False, not None, from the callback stops.
VaeOptions options_of(bool tiled, const Size& size, const Size& stride, const std::optional<py::function>& progress) {
  VaeOptions options;
  if (tiled) options.tiling = Tiling{size, stride};
  options.progress = [callback = progress ? progress->ptr() : nullptr](std::int64_t done, std::int64_t total) {
    const py::gil_scoped_acquire held;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    return callback == nullptr || !py::reinterpret_borrow<py::function>(callback)(done, total).is(py::bool_(false));
  };
  return options;
}

at::Tensor encode(const VideoVae& vae, const at::Tensor& video, bool tiled, const Size& size, const Size& stride,
                  const std::optional<py::function>& progress) {
  const VaeOptions options = options_of(tiled, size, stride, progress);
  const py::gil_scoped_release released;
  return vae.encode(video, options);
}

at::Tensor decode(const VideoVae& vae, const at::Tensor& latents, bool clamp, bool tiled, const Size& size,
                  const Size& stride, const std::optional<py::function>& progress) {
  const VaeOptions options = options_of(tiled, size, stride, progress);
  const py::gil_scoped_release released;
  return vae.decode(latents, clamp, options);
}

void bind_wan_vae(py::module_& module) {
  const py::call_guard<py::gil_scoped_release> released;
  py::class_<WanVae, VideoVae>(module, "WanVAE", wan_doc)
      .def(py::init([](const py::dict& config, const std::optional<TensorMap>& tensors, const py::object& dtype) {
             const at::ScalarType own = dtype.is_none() ? at::kFloat : binding::dtype_from(dtype);
             return std::make_unique<WanVae>(wan_vae_config(binding::json_from(config)),
                                             tensors ? Parameters(*tensors) : Parameters(own));
           }),
           py::arg("config") = py::dict(), py::arg("tensors") = py::none(), py::arg("dtype") = py::none())
      .def(
          "encoder", [](const WanVae& self) { return WanVaeEncoder(self); }, encoder_doc)
      .def(
          "decoder", [](const WanVae& self, bool clamp) { return WanVaeDecoder(self, clamp); }, py::arg("clamp") = true,
          decoder_doc);
  py::class_<WanVaeEncoder>(module, "WanVAEEncoder", encoder_doc)
      .def("push", &WanVaeEncoder::push, py::arg("frames"), released,
           "Takes the next frames (B, 3, n, H, W) and returns the latents (B, z, m, h, w) that are complete now.")
      .def_property_readonly("pending", &WanVaeEncoder::pending, "Frames that wait for the rest of their group.");
  py::class_<WanVaeDecoder>(module, "WanVAEDecoder", decoder_doc)
      .def("push", &WanVaeDecoder::push, py::arg("latents"), released,
           "Takes the next latents (B, z, m, h, w) and returns their frames (B, 3, n, H, W).");
  module.def("wan_vae_from_diffusers", &wan_vae_from_diffusers, py::arg("tensors"),
             "The tensors of diffusers' AutoencoderKLWan under the published names.");
}

}  // namespace

void bind_vae(py::module_& module) {
  const py::call_guard<py::gil_scoped_release> released;
  py::class_<VideoVae> base(module, "VideoVAE", base_doc);
  const Tiling tiling;
  base.def("encode", &encode, py::arg("video"), py::arg("tiled") = false, py::arg("tile_size") = tiling.size,
           py::arg("tile_stride") = tiling.stride, py::arg("progress") = py::none(), encode_doc)
      .def("decode", &decode, py::arg("latents"), py::arg("clamp") = true, py::arg("tiled") = false,
           py::arg("tile_size") = tiling.size, py::arg("tile_stride") = tiling.stride, py::arg("progress") = py::none(),
           decode_doc)
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

  bind_wan_vae(module);

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
