// SPDX-License-Identifier: Apache-2.0
#include <torch/csrc/utils/pybind.h>

#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <action_images/sample/denoise.hpp>
#include <action_images/sample/flow_match.hpp>
#include <action_images/sample/guidance.hpp>
#include <action_images/sample/solver.hpp>
#include <action_images/sample/step_cache.hpp>

namespace py = pybind11;
using namespace action_images;

namespace {

using PythonDenoiser = std::function<at::Tensor(at::Tensor, at::Tensor)>;

void bind_schedule(py::module_& module) {
  py::class_<FlowMatchSchedule>(module, "FlowMatchSchedule", R"(Flow-matching schedule with Euler steps.

x_sigma = (1 - sigma) x_0 + sigma noise; sigma falls from 1, shifted by shift u / (1 + (shift - 1) u).
All tables are float32 on the CPU.)")
      .def(py::init<std::int64_t, double, double, bool, double>(), py::arg("steps"), py::arg("shift") = 5.0,
           py::arg("sigma_min") = 0.0, py::arg("extra_one_step") = true, py::arg("strength") = 1.0)
      .def_static("from_sigmas", &FlowMatchSchedule::from_sigmas, py::arg("sigmas"), py::arg("whole_timesteps") = false,
                  "A schedule of any noise levels (steps,) that fall within (0, 1].")
      .def_static(
          "for_solver",
          [](const std::string& solver, std::int64_t steps, double shift, bool whole_timesteps) {
            return schedule_for(solver_from_name(solver), steps, shift, whole_timesteps);
          },
          py::arg("solver"), py::arg("steps"), py::arg("shift") = 5.0, py::arg("whole_timesteps") = false,
          "The noise levels that public implementations use with \"euler\", \"unipc\" or \"dpm++2m\".")
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

std::function<bool(const DenoiseProgress&)> progress_to(const py::object& callback) {
  if (callback.is_none()) return {};
  return [&callback](const DenoiseProgress& state) {
    const py::object answer = callback(state.step, state.steps);
    return answer.is_none() || answer.cast<bool>();
  };
}

void bind_guidance(py::module_& module) {
  module.def("guide", &guide, py::arg("conditional"), py::arg("unconditional"), py::arg("scale"),
             "Classifier-free guidance: unconditional + scale (conditional - unconditional).");
  module.def("rescale_guided", &rescale_guided, py::arg("guided"), py::arg("conditional"), py::arg("rescale"),
             "Brings the standard deviation of a guided prediction back to the conditional one's, by a fraction.");
  module.def(
      "guided",
      [](const PythonDenoiser& conditional, const PythonDenoiser& unconditional, double scale, double rescale,
         std::pair<double, double> interval) -> Denoiser {
        const SigmaInterval levels{interval.first, interval.second};
        return within(levels, guided(conditional, unconditional, {scale, rescale}), conditional);
      },
      py::arg("conditional"), py::arg("unconditional"), py::arg("scale"), py::arg("rescale") = 0.0,
      py::arg("interval") = std::pair(0.0, 1.0),
      R"(A denoiser that guides one with another.

rescale: fraction of the conditional prediction's standard deviation that is restored. interval: (low, high), the noise
levels within 0..1 where there is guidance; elsewhere only the conditional denoiser is evaluated.)");
}

void bind_step_cache(py::module_& module) {
  py::class_<StepCache>(module, "StepCache", R"(A denoiser that calls another one in some steps only; not exact.

Wrap the guided denoiser. A timestep that is not below the last one starts a new run.)")
      .def_static(
          "cosine",
          [](const PythonDenoiser& denoiser, const std::vector<std::pair<double, std::int64_t>>& rules) {
            std::vector<CosineRule> listed;
            for (const auto& [threshold, steps] : rules) listed.push_back({threshold, steps});
            return StepCache(denoiser, cosine_policy(std::move(listed)));
          },
          py::arg("denoiser"), py::arg("rules") = std::vector<std::pair<double, std::int64_t>>{{0.95, 4}, {0.93, 2}},
          "The release's: (threshold, steps) pairs; above a threshold of the last two predictions' cosine similarity, "
          "the "
          "last one is used for so many steps.")
      .def_static(
          "easy",
          [](const PythonDenoiser& denoiser, double threshold, std::int64_t warm_up, std::int64_t longest) {
            return StepCache(denoiser, easy_policy({threshold, warm_up, longest}));
          },
          py::arg("denoiser"), py::arg("threshold") = ChangeOptions{}.threshold,
          py::arg("warm_up") = ChangeOptions{}.warm_up, py::arg("longest") = ChangeOptions{}.longest,
          "EasyCache's criterion (arXiv 2507.02860): the change of the prediction, estimated from the latents'.")
      .def_static(
          "tea",
          [](const PythonDenoiser& denoiser, double threshold, const PythonDenoiser& indicator,
             std::vector<double> polynomial, std::int64_t warm_up, std::int64_t longest) {
            return StepCache(denoiser, tea_policy({{threshold, warm_up, longest}, indicator, std::move(polynomial)}));
          },
          py::arg("denoiser"), py::arg("threshold") = TeaOptions{}.change.threshold, py::arg("indicator") = py::none(),
          py::arg("polynomial") = TeaOptions{}.polynomial, py::arg("warm_up") = ChangeOptions{}.warm_up,
          py::arg("longest") = ChangeOptions{}.longest,
          "TeaCache's criterion (arXiv 2411.19108): the relative L1 change of indicator(latents, timestep), mapped by "
          "a "
          "polynomial with the highest power first.")
      .def("__call__", &StepCache::operator(), py::arg("latents"), py::arg("timestep"))
      .def_property_readonly(
          "evaluated", [](const StepCache& cache) { return cache.statistics().evaluated; }, "Calls of the denoiser.")
      .def_property_readonly(
          "reused", [](const StepCache& cache) { return cache.statistics().reused; }, "Calls that were saved.");
}

}  // namespace

void bind_sample(py::module_& module) {
  bind_schedule(module);
  bind_guidance(module);
  bind_step_cache(module);
  module.def(
      "denoise",
      [](const FlowMatchSchedule& schedule, const PythonDenoiser& denoiser, const at::Tensor& noise,
         const std::optional<at::Tensor>& clean, const std::optional<at::Tensor>& keep, const py::object& progress,
         const std::string& solver) {
        return denoise(schedule, denoiser, noise, {clean.value_or(at::Tensor()), keep.value_or(at::Tensor())},
                       {.progress = progress_to(progress), .solver = make_solver(solver_from_name(solver), schedule)});
      },
      py::arg("schedule"), py::arg("denoiser"), py::arg("noise"), py::arg("clean") = py::none(),
      py::arg("keep") = py::none(), py::arg("progress") = py::none(), py::arg("solver") = "euler",
      R"(Integrates the flow from noise (B, ...) to clean latents.

denoiser(latents, timestep (B,)) returns a velocity. Where the bool mask keep is true, the latents of clean are shown and
returned. progress(step, steps) is called after each step; returning False stops. solver: "euler", "unipc" (its
variant: "unipc-bh1"), or "dpm++2m". The latents are kept in float32 at least.)");
  module.def("velocity_from_sample", &velocity_from_sample, py::arg("sample"), py::arg("latents"), py::arg("sigma"),
             "Velocity that leads to a predicted clean sample: (latents - sample) / sigma.");
  module.def("sample_from_velocity", &sample_from_velocity, py::arg("velocity"), py::arg("latents"), py::arg("sigma"),
             "Clean sample that a velocity leads to: latents - sigma velocity.");
  module.def(
      "seeded_noise",
      [](const std::vector<std::int64_t>& shape, std::uint64_t seed) { return seeded_noise(shape, seed); },
      py::arg("shape"), py::arg("seed"), "Standard normal float32 noise on the CPU, equal for equal seeds.");
}
