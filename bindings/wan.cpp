// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include <action_images/core/check.hpp>
#include <action_images/wan/config.hpp>
#include <action_images/wan/transformer.hpp>

#include "network.hpp"

namespace py = pybind11;
using namespace action_images;

namespace {

using OptionalTensor = std::optional<at::Tensor>;
using OptionalPositions = std::optional<std::vector<std::int64_t>>;
using Grid = std::array<std::int64_t, 3>;

// Python's arguments in their order; the grid is (T, H, W).
WanInputs inputs_of(const at::Tensor& text, const Grid& grid, const OptionalTensor& camera,
                    const OptionalTensor& first_frames, const OptionalPositions& time_positions,
                    const OptionalTensor& y, const OptionalTensor& clip) {
  return {text, camera, first_frames, time_positions.value_or(std::vector<std::int64_t>{}), grid, y, clip};
}

at::Tensor call(const WanTransformer& network, const at::Tensor& latents, const at::Tensor& timestep,
                const at::Tensor& text, const OptionalTensor& camera, const OptionalTensor& first_frames,
                const OptionalPositions& time_positions, const OptionalTensor& y, const OptionalTensor& clip,
                bool checkpoint) {
  check_shape(latents.dim() == 5, "WanTransformer", "latents", "(B, in_dim, T, H, W)", latents.sizes());
  const Grid grid = {latents.size(2), latents.size(3), latents.size(4)};
  const auto conditions = network.prepare(inputs_of(text, grid, camera, first_frames, time_positions, y, clip));
  return network.forward(latents, timestep, conditions, {.checkpoint = checkpoint});
}

constexpr const char* class_doc = R"(Wan's video diffusion transformer, with camera layers when camera_channels > 0.

config has the keys dim, in_dim, ffn_dim, out_dim, text_dim, freq_dim, eps, patch_size, num_heads, num_layers,
has_image_input, camera_channels, camera_pool, image_stem, pooled_text_modulation, rope_theta, all optional, and
"preset": one of wan2.2-ti2v-5b, wan2.1-t2v-1.3b, wan2.1-t2v-14b, wan2.1-i2v-14b-480p, action-images-5b, embedded.
Parameters carry the names of the published checkpoints. Given `tensors`, the network computes with them: they are not copied, and gradients reach them.)";

constexpr const char* call_doc = R"(Velocity (B, out_dim, T, H, W) of noisy latents.

latents (B, in_dim, T, H, W); timestep (B,) or (B, tokens) in [0, 1000]; text (B, L, text_dim), zero rows = padding;
camera (B, T, camera_channels, H, W); first_frames (B, V, 3, height, width) in [-1, 1], only with image_stem;
time_positions: rotary time index of each frame of tokens, 0, 1, 2, ... by default; y (B, C, T, H, W): channels that
follow those of the latents, which then have in_dim - C; clip (B, M, 1280): tokens of WanImageEncoder, with
has_image_input. checkpoint: compute each block again in the backward pass instead of keeping its inner results.)";

}  // namespace

void bind_wan(py::module_& module) {
  const py::call_guard<py::gil_scoped_release> released;
  py::class_<WanConditions>(module, "WanConditions",
                            "What stays the same over the denoising steps; made by WanTransformer.prepare().");
  py::class_<WanTransformer> network(module, "WanTransformer", class_doc);
  network
      .def(py::init([](const py::dict& config, const std::optional<TensorMap>& tensors) {
             return std::make_unique<WanTransformer>(wan_config(binding::json_from(config)),
                                                     tensors ? Parameters(*tensors) : Parameters());
           }),
           py::arg("config") = py::dict(), py::arg("tensors") = py::none())
      .def_property_readonly(
          "config", [](const WanTransformer& self) { return binding::dict_from(wan_config_json(self.config())); })
      .def("__call__", &call, py::arg("latents"), py::arg("timestep"), py::arg("text"), py::arg("camera") = py::none(),
           py::arg("first_frames") = py::none(), py::arg("time_positions") = py::none(), py::arg("y") = py::none(),
           py::arg("clip") = py::none(), py::arg("checkpoint") = false, released, call_doc)
      .def(
          "prepare",
          [](const WanTransformer& self, const at::Tensor& text, const Grid& grid, const OptionalTensor& camera,
             const OptionalTensor& first_frames, const OptionalPositions& time_positions, const OptionalTensor& y,
             const OptionalTensor& clip) {
            return self.prepare(inputs_of(text, grid, camera, first_frames, time_positions, y, clip));
          },
          py::arg("text"), py::arg("grid"), py::arg("camera") = py::none(), py::arg("first_frames") = py::none(),
          py::arg("time_positions") = py::none(), py::arg("y") = py::none(), py::arg("clip") = py::none(), released,
          "What forward() needs besides latents and time step; grid is (T, H, W) of the latents.")
      .def(
          "forward",
          [](const WanTransformer& self, const at::Tensor& latents, const at::Tensor& timestep,
             const WanConditions& conditions,
             bool checkpoint) { return self.forward(latents, timestep, conditions, {.checkpoint = checkpoint}); },
          py::arg("latents"), py::arg("timestep"), py::arg("conditions"), py::arg("checkpoint") = false, released,
          "As calling the network, with conditions that were prepared once.");
  binding::def_parameters(network);
}
