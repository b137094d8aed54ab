// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include <action_images/core/check.hpp>
#include <action_images/wan/config.hpp>
#include <action_images/wan/transformer.hpp>

#include "network.hpp"

namespace py = pybind11;
using namespace action_images;

namespace {

// What the conditions are computed from; the grid is (T, H, W).
WanInputs inputs_of(const at::Tensor& text, const std::array<std::int64_t, 3>& grid,
                    const std::optional<at::Tensor>& camera, const std::optional<at::Tensor>& first_frames,
                    const std::optional<std::vector<std::int64_t>>& time_positions) {
  return {text, camera, first_frames, time_positions.value_or(std::vector<std::int64_t>{}), grid};
}

at::Tensor call(const WanTransformer& network, const at::Tensor& latents, const at::Tensor& timestep,
                const at::Tensor& text, const std::optional<at::Tensor>& camera,
                const std::optional<at::Tensor>& first_frames,
                const std::optional<std::vector<std::int64_t>>& time_positions) {
  check_shape(latents.dim() == 5, "WanTransformer", "latents", "(B, in_dim, T, H, W)", latents.sizes());
  const std::array<std::int64_t, 3> grid = {latents.size(2), latents.size(3), latents.size(4)};
  const auto conditions = network.prepare(inputs_of(text, grid, camera, first_frames, time_positions));
  return network.forward(latents, timestep, conditions);
}

constexpr const char* class_doc = R"(Wan's video diffusion transformer, with camera layers when camera_channels > 0.

config has the keys dim, in_dim, ffn_dim, out_dim, text_dim, freq_dim, eps, patch_size, num_heads, num_layers,
camera_channels, camera_pool, image_stem, pooled_text_modulation, rope_theta, all optional, and "preset": one of
wan2.2-ti2v-5b, wan2.1-t2v-1.3b, wan2.1-t2v-14b, action-images-5b. Parameters carry the names of the published
checkpoints. Given `tensors`, the network computes with them: they are not copied, and gradients reach them.)";

constexpr const char* call_doc = R"(Velocity (B, out_dim, T, H, W) of noisy latents.

latents (B, in_dim, T, H, W); timestep (B,) or (B, tokens) in [0, 1000]; text (B, L, text_dim), zero rows = padding;
camera (B, T, camera_channels, H, W); first_frames (B, V, 3, height, width) in [-1, 1], only with image_stem;
time_positions: rotary time index of each frame of tokens, 0, 1, 2, ... by default.)";

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
      .def_property_readonly("config", [](const WanTransformer& self) { return binding::dict_from(wan_config_json(self.config())); })
      .def("__call__", &call, py::arg("latents"), py::arg("timestep"), py::arg("text"), py::arg("camera") = py::none(),
           py::arg("first_frames") = py::none(), py::arg("time_positions") = py::none(), released, call_doc)
      .def(
          "prepare",
          [](const WanTransformer& self, const at::Tensor& text, const std::array<std::int64_t, 3>& grid,
             const std::optional<at::Tensor>& camera, const std::optional<at::Tensor>& first_frames,
             const std::optional<std::vector<std::int64_t>>& time_positions) {
            return self.prepare(inputs_of(text, grid, camera, first_frames, time_positions));
          },
          py::arg("text"), py::arg("grid"), py::arg("camera") = py::none(), py::arg("first_frames") = py::none(),
          py::arg("time_positions") = py::none(), released,
          "What forward() needs besides latents and time step; grid is (T, H, W) of the latents.")
      .def("forward", &WanTransformer::forward, py::arg("latents"), py::arg("timestep"), py::arg("conditions"),
           released, "As calling the network, with conditions that were prepared once.");
  binding::def_parameters(network);
}
