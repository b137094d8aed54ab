// SPDX-License-Identifier: Apache-2.0
// The transformer in pieces, for python/action_images/nn, whose modules own the parameters.
#include <torch/csrc/Exceptions.h>

#include <optional>

#include <pybind11/stl.h>
#include <nlohmann/json.hpp>

#include <action_images/wan/functional.hpp>

#include "network.hpp"

namespace py = pybind11;
using namespace action_images;

namespace {

using OptionalTensor = std::optional<at::Tensor>;
using OptionalPositions = std::optional<std::vector<std::int64_t>>;
using Grid = std::array<std::int64_t, 3>;

TensorMap embed(const WanFunctional& self, const TensorMap& parameters, const at::Tensor& latents,
                const at::Tensor& timestep, const at::Tensor& text, const OptionalTensor& camera,
                const OptionalTensor& first_frames, const OptionalPositions& time_positions, const OptionalTensor& y,
                const OptionalTensor& clip) {
  check_shape(latents.dim() == 5, "wan::WanFunctional::embed", "latents", "(B, in_dim, T, H, W)", latents.sizes());
  const WanInputs inputs{.text = text,
                         .camera = camera,
                         .first_frames = first_frames,
                         .time_positions = time_positions.value_or(std::vector<std::int64_t>{}),
                         .grid = {latents.size(2), latents.size(3), latents.size(4)},
                         .y = y,
                         .clip = clip};
  const auto tokens = self.embed(parameters, latents, timestep, inputs);
  TensorMap defined{{"x", tokens.x},
                    {"text", tokens.text},
                    {"image", tokens.image},
                    {"camera", tokens.camera},
                    {"time_embedding", tokens.time_embedding},
                    {"time_projection", tokens.time_projection},
                    {"time_index", tokens.time_index},
                    {"rotary", tokens.rotary}};
  std::erase_if(defined, [](const auto& entry) { return !entry.second.defined(); });
  return defined;
}

at::Tensor block(const WanFunctional& self, const TensorMap& parameters, const at::Tensor& x, const at::Tensor& text,
                 const at::Tensor& time_projection, const at::Tensor& rotary, const OptionalTensor& time_index,
                 const OptionalTensor& camera, const OptionalTensor& image) {
  return self.block(parameters, {.x = x,
                                 .text = text,
                                 .image = image.value_or(at::Tensor()),
                                 .camera = camera.value_or(at::Tensor()),
                                 .time_projection = time_projection,
                                 .time_index = time_index.value_or(at::Tensor()),
                                 .rotary = rotary});
}

at::Tensor head(const WanFunctional& self, const TensorMap& parameters, const at::Tensor& x,
                const at::Tensor& time_embedding, const Grid& grid, const OptionalTensor& time_index) {
  return self.head(parameters,
                   {.x = x, .time_embedding = time_embedding, .time_index = time_index.value_or(at::Tensor())}, grid);
}

// Torch's hooks for saved tensors are Python; what they raise inside of our functions goes on as it is, because
// torch.utils.checkpoint ends a recomputation by raising.
void pass_on_python_errors(std::exception_ptr error) {
  try {
    if (error) std::rethrow_exception(error);
  } catch (python_error& raised) {
    raised.restore();
  }
}

}  // namespace

void bind_wan_functional(py::module_& module) {
  py::register_local_exception_translator(&pass_on_python_errors);
  const py::call_guard<py::gil_scoped_release> released;
  const auto config_of = [](const WanFunctional& self) { return binding::dict_from(wan_config_json(self.config())); };
  const auto from_config = [](const py::dict& config) { return WanFunctional(wan_config(binding::json_from(config))); };
  py::class_<WanFunctional>(module, "WanFunctional",
                            "WanTransformer in pieces, as functions of parameters (dicts of tensors) and inputs.")
      .def(py::init(from_config), py::arg("config"))
      .def_property_readonly("config", config_of)
      .def("outer_shapes", &WanFunctional::outer_shapes,
           "List of (name, shape) of the parameters outside of the blocks; the blocks' would be before the head's.")
      .def("block_shapes", &WanFunctional::block_shapes, "List of (name, shape) of a block's parameters.")
      .def("embed", &embed, py::arg("parameters"), py::arg("latents"), py::arg("timestep"), py::arg("text"),
           py::arg("camera") = py::none(), py::arg("first_frames") = py::none(), py::arg("time_positions") = py::none(),
           py::arg("y") = py::none(), py::arg("clip") = py::none(), released,
           "What blocks and head take, by the names of their arguments; inputs as of WanTransformer.")
      .def("block", &block, py::arg("parameters"), py::arg("x"), py::arg("text"), py::arg("time_projection"),
           py::arg("rotary"), py::arg("time_index") = py::none(), py::arg("camera") = py::none(),
           py::arg("image") = py::none(), released, "The tokens x (B, N, dim) after a block.")
      .def("head", &head, py::arg("parameters"), py::arg("x"), py::arg("time_embedding"), py::arg("grid"),
           py::arg("time_index") = py::none(), released, "Velocity (B, out_dim, T, H, W); grid is (T, H, W).")
      .def(py::pickle(config_of, from_config));
}
