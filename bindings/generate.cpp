// SPDX-License-Identifier: Apache-2.0
// WorldModel::generate: its options, arrays in, a dict of arrays out. Rigs are those of `_codec`.
#include "generate.hpp"

#include <torch/csrc/utils/pybind.h>

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <array>
#include <memory>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include <action_images/codec/action.hpp>
#include <action_images/core/interrupted.hpp>
#include <action_images/world/action_head.hpp>
#include <action_images/world/negative_prompt.hpp>

#include "callbacks.hpp"

namespace py = pybind11;

namespace action_images::binding {
namespace {

using Pixels = py::array_t<std::uint8_t, py::array::c_style>;
using Numbers = py::array_t<double, py::array::c_style | py::array::forcecast>;
using Size = std::array<std::int64_t, 2>;

constexpr std::string_view where = "world::WorldModel::generate";

std::vector<std::int64_t> shape_of(const py::array& array) { return {array.shape(), array.shape() + array.ndim()}; }

VideoFrames frames_from(const py::array& array, std::size_t view) {
  const std::string name = text_of("images[", view, "]");
  check(py::isinstance<py::array_t<std::uint8_t>>(array), where, name, "dtype uint8",
        std::string(py::str(array.dtype())));
  const auto axes = array.ndim();
  check_shape((axes == 3 || axes == 4) && array.shape(axes - 1) == 3, where, name, "(H, W, 3) or (T, H, W, 3)",
              shape_of(array));
  const auto bytes = Pixels::ensure(array);
  VideoFrames frames;
  frames.frames = axes == 4 ? static_cast<int>(array.shape(0)) : 1;
  frames.height = static_cast<int>(array.shape(axes - 3));
  frames.width = static_cast<int>(array.shape(axes - 2));
  frames.rgb.assign(bytes.data(), bytes.data() + bytes.size());
  return frames;
}

Trajectory trajectory_from(const Numbers& rows) {
  check_shape(rows.ndim() == 2 && rows.shape(1) == 7, where, "actions", "(T, 7)", shape_of(rows));
  return trajectory_from_matrix(Eigen::Map<const ActionMatrix>(rows.data(), rows.shape(0), 7));
}

Action action_from(const Numbers& row) {
  check_shape(row.ndim() == 1 && row.size() == 7, where, "first_action", "(7,)", shape_of(row));
  return trajectory_from_matrix(Eigen::Map<const ActionMatrix>(row.data(), 1, 7)).front();
}

ViewActions view_actions_from(const Numbers& rows, const std::string& pixels_of) {
  const auto axes = rows.ndim();
  const bool fits = (axes == 2 || axes == 3) && rows.size() > 0 && rows.shape(axes - 1) == 7;
  check_shape(fits, where, "view_actions", "(V, 7) or (V, T, 7)", shape_of(rows));
  const auto frames = static_cast<std::size_t>(axes == 3 ? rows.shape(1) : 1);
  auto pixels = PixelActions::from_shape({static_cast<std::size_t>(rows.shape(0)), frames, 7});
  std::copy_n(rows.data(), rows.size(), pixels.data());
  return {std::move(pixels), pixels_of_from_name(pixels_of)};
}

py::object images_to_python(const Images<std::uint8_t>& images) {
  if (images.size() == 0) return py::none();
  return Pixels({images.shape().begin(), images.shape().end()}, images.data());
}

py::dict rollout_to_python(const Rollout& rollout) {
  py::dict result;
  result["video"] = images_to_python(rollout.video);
  result["action_images"] = images_to_python(rollout.action_images);
  result["actions"] = py::none();
  result["points"] = py::none();
  if (rollout.has_actions()) {
    const ActionMatrix rows = matrix_from_trajectory(rollout.actions);
    result["actions"] = Numbers({rows.rows(), rows.cols()}, rows.data());
    result["points"] = Numbers({rollout.points.shape().begin(), rollout.points.shape().end()}, rollout.points.data());
  }
  result["confidence"] = Numbers(static_cast<py::ssize_t>(rollout.confidence.size()), rollout.confidence.data());
  result["rig"] = rollout.rig;
  result["latents"] = rollout.latents;
  result["settings"] = rollout.settings.dump();
  result["timings"] = rollout.timings.dump();
  return result;
}

py::dict generate(const WorldModel& model, const std::vector<py::array>& images, const std::string& prompt,
                  const Rig& rig, GenerateOptions options, const py::object& progress,
                  const py::object& stage_progress) {
  std::vector<VideoFrames> views;
  for (const py::array& image : images) views.push_back(frames_from(image, views.size()));
  binding::Callbacks callbacks;
  options.progress = [&](int done, int steps) { return callbacks(progress, done, steps); };
  options.stage_progress = [&](std::string_view stage, std::int64_t done, std::int64_t total) {
    return callbacks(stage_progress, stage, done, total);
  };
  std::optional<Rollout> rollout;
  {
    const py::gil_scoped_release without_python;
    try {
      rollout = model.generate(views, prompt, rig, options);
    } catch (const Interrupted&) {
      if (!callbacks.raised()) throw;
    }
  }
  callbacks.raise_again();
  return rollout_to_python(*rollout);
}

void bind_options(py::module_& module) {
  using Options = GenerateOptions;
  const auto tiling = [](Options& options) -> Tiling& {
    return options.tiling ? *options.tiling : options.tiling.emplace();
  };
  py::class_<Options>(module, "GenerateOptions",
                      "What WorldModel.generate is asked for; action_images.model.WorldModel.generate documents it.")
      .def(py::init<>())
      .def("set_task", [](Options& self, const std::string& name) { self.task = task_from_name(name); })
      .def("set_actions", [](Options& self, const Numbers& rows) { self.actions = trajectory_from(rows); })
      .def("set_first_action", [](Options& self, const Numbers& row) { self.first_action = action_from(row); })
      .def("set_view_actions",
           [](Options& self, const Numbers& rows, const std::string& pixels_of) {
             self.view_actions = view_actions_from(rows, pixels_of);
           })
      .def("set_action_views",
           [](Options& self, std::vector<std::int64_t> views) { self.action_views = std::move(views); })
      .def("set_frames", [](Options& self, std::int64_t frames) { self.frames = frames; })
      .def("set_steps", [](Options& self, int steps) { self.steps = steps; })
      .def("set_guidance", [](Options& self, double guidance) { self.guidance = guidance; })
      .def("set_shift", [](Options& self, double shift) { self.shift = shift; })
      .def("set_negative_prompt", [](Options& self, std::string text) { self.negative_prompt = std::move(text); })
      .def("set_seed", [](Options& self, std::uint64_t seed) { self.seed = seed; })
      .def("set_solver", [](Options& self, const std::string& name) { self.solver = solver_from_name(name); })
      .def("set_guidance_rescale", [](Options& self, double rescale) { self.guidance_rescale = rescale; })
      .def("set_guidance_interval",
           [](Options& self, std::pair<double, double> levels) {
             self.guidance_interval = SigmaInterval{levels.first, levels.second};
           })
      .def("set_step_cache",
           [](Options& self, const std::string& name) { self.step_cache = step_cache_from_name(name); })
      .def("set_step_cache_threshold", [](Options& self, double threshold) { self.step_cache_threshold = threshold; })
      .def("set_sigma_min", [](Options& self, double sigma) { self.sigma_min = sigma; })
      .def("set_extra_one_step", [](Options& self, bool extra) { self.extra_one_step = extra; })
      .def("set_action_head",
           [](Options& self, std::shared_ptr<ActionHead> head) { self.action_head = std::move(head); })
      .def("set_tile_size", [tiling](Options& self, const Size& size) { tiling(self).size = size; })
      .def("set_tile_stride", [tiling](Options& self, const Size& stride) { tiling(self).stride = stride; });
}

}  // namespace

void def_generate(py::module_& module, py::class_<WorldModel, std::shared_ptr<WorldModel>>& model) {
  bind_options(module);
  model.def(
      "generate", &generate, py::arg("images"), py::arg("prompt"), py::arg("rig"),
      py::arg("options") = GenerateOptions(), py::arg("progress") = py::none(), py::arg("stage_progress") = py::none(),
      "Arrays and a Rig in, a dict of them out; action_images.model.WorldModel.generate documents the arguments.");
  module.def(
      "wan_negative_prompt", [] { return std::string(wan_negative_prompt); },
      "The negative prompt that Wan's public pipelines take by default: a Chinese list of flaws.");
}

}  // namespace action_images::binding
