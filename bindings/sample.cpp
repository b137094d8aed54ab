// SPDX-License-Identifier: Apache-2.0
#include <torch/csrc/utils/pybind.h>

#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <action_images/sample/denoise.hpp>
#include <action_images/sample/flow_match.hpp>
#include <action_images/sample/guidance.hpp>

namespace py = pybind11;
using namespace action_images;

namespace {

void bind_schedule(py::module_& module) {
  py::class_<FlowMatchSchedule>(module, "FlowMatchSchedule", R"(Flow-matching schedule with Euler steps.

x_sigma = (1 - sigma) x_0 + sigma noise; sigma falls from 1, shifted by shift u / (1 + (shift - 1) u).
All tables are float32 on the CPU.)")
      .def(py::init<std::int64_t, double, double, bool>(), py::arg("steps"), py::arg("shift") = 5.0,
           py::arg("sigma_min") = 0.0, py::arg("extra_one_step") = true)
      .def_property_readonly("steps", &FlowMatchSchedule::steps)
      .def_property_readonly("sigmas", &FlowMatchSchedule::sigmas, "(steps,) noise levels, falling.")
      .def_property_readonly("timesteps", &FlowMatchSchedule::timesteps, "(steps,) 1000 sigma.")
      .def_property_readonly("training_weights", &FlowMatchSchedule::training_weights,
                             "(steps,) weights of the training loss, of mean 1.")
      .def("sigma", &FlowMatchSchedule::sigma, py::arg("index"), "Noise level of a step; index = steps gives 0.")
      .def("nearest", &FlowMatchSchedule::nearest, py::arg("timestep"), "The step whose timestep is nearest.")
      .def("step", &FlowMatchSchedule::step, py::arg("prediction"), py::arg("index"), py::arg("latents"),
           "One Euler step along a velocity of the latents' shape.")
      .def("add_noise",
           py::overload_cast<const at::Tensor&, const at::Tensor&, std::int64_t>(&FlowMatchSchedule::add_noise,
                                                                                 py::const_),
           py::arg("latents"), py::arg("noise"), py::arg("index"), "(1 - sigma) latents + sigma noise.")
      .def("add_noise",
           py::overload_cast<const at::Tensor&, const at::Tensor&, const at::Tensor&>(&FlowMatchSchedule::add_noise,
                                                                                      py::const_),
           py::arg("latents"), py::arg("noise"), py::arg("indices"), "The same, with one step for each sample.");
}

at::Tensor denoise_with(const FlowMatchSchedule& schedule, const Denoiser& denoiser, const at::Tensor& noise,
                        const Conditioning& conditioning, const py::object& progress) {
  DenoiseOptions options;
  if (!progress.is_none()) {
    options.progress = [&progress](const DenoiseProgress& state) {
      const py::object answer = progress(state.step, state.steps);
      return answer.is_none() || answer.cast<bool>();
    };
  }
  return denoise(schedule, denoiser, noise, conditioning, options);
}

}  // namespace

void bind_sample(py::module_& module) {
  bind_schedule(module);
  module.def(
      "denoise",
      [](const FlowMatchSchedule& schedule, const std::function<at::Tensor(at::Tensor, at::Tensor)>& denoiser,
         const at::Tensor& noise, const std::optional<at::Tensor>& clean, const std::optional<at::Tensor>& keep,
         const py::object& progress) {
        return denoise_with(schedule, denoiser, noise, {clean.value_or(at::Tensor()), keep.value_or(at::Tensor())},
                            progress);
      },
      py::arg("schedule"), py::arg("denoiser"), py::arg("noise"), py::arg("clean") = py::none(),
      py::arg("keep") = py::none(), py::arg("progress") = py::none(),
      R"(Integrates the flow from noise (B, ...) to clean latents.

denoiser(latents, timestep (B,)) returns a velocity. Where the bool mask keep is true, the latents of clean are shown and
returned. progress(step, steps) is called after each step; returning False stops.)");
  module.def("guide", &guide, py::arg("conditional"), py::arg("unconditional"), py::arg("scale"),
             "Classifier-free guidance: unconditional + scale (conditional - unconditional).");
  module.def("velocity_from_sample", &velocity_from_sample, py::arg("sample"), py::arg("latents"), py::arg("sigma"),
             "Velocity that leads to a predicted clean sample: (latents - sample) / sigma.");
  module.def("sample_from_velocity", &sample_from_velocity, py::arg("velocity"), py::arg("latents"), py::arg("sigma"),
             "Clean sample that a velocity leads to: latents - sigma velocity.");
  module.def(
      "seeded_noise",
      [](const std::vector<std::int64_t>& shape, std::uint64_t seed) { return seeded_noise(shape, seed); },
      py::arg("shape"), py::arg("seed"), "Standard normal float32 noise on the CPU, equal for equal seeds.");
}
