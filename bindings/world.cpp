// SPDX-License-Identifier: Apache-2.0
// World models for python/action_images/model.py, which gives them their Python face. Rigs are those of `_codec`.
#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <memory>

#include <nlohmann/json.hpp>

#include <action_images/codec/action.hpp>
#include <action_images/core/interrupted.hpp>
#include <action_images/world/world_model.hpp>

#include "loading.hpp"

namespace py = pybind11;

namespace action_images {
namespace {

using Pixels = py::array_t<std::uint8_t, py::array::c_style>;
using Numbers = py::array_t<double, py::array::c_style | py::array::forcecast>;

constexpr std::string_view where = "world::WorldModel::generate";

std::vector<std::int64_t> shape_of(const py::array& array) { return {array.shape(), array.shape() + array.ndim()}; }

VideoFrames frames_from(const py::array& array, std::size_t view) {
  const std::string name = text_of("images[", view, "]");
  check(py::isinstance<py::array_t<std::uint8_t>>(array), where, name, "dtype uint8", std::string(py::str(array.dtype())));
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

Trajectory trajectory_from(const Numbers& rows, std::string_view argument) {
  check_shape(rows.ndim() == 2 && rows.shape(1) == 7, where, argument, "(T, 7)", shape_of(rows));
  return trajectory_from_matrix(Eigen::Map<const ActionMatrix>(rows.data(), rows.shape(0), 7));
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
  result["settings"] = rollout.settings.dump();
  result["timings"] = rollout.timings.dump();
  return result;
}

// Python's (done, steps) callback as C++ wants it; Ctrl-C and exceptions of the callback stop the generation.
std::function<bool(int, int)> progress_from(const py::object& callback, std::exception_ptr& raised) {
  return [&callback, &raised](int done, int steps) {
    const py::gil_scoped_acquire with_python;
    try {
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      return callback.is_none() || !callback(done, steps).is(py::bool_(false));
    } catch (...) {
      raised = std::current_exception();
      return false;
    }
  };
}

struct Request {
  std::string task;
  std::optional<Numbers> actions, first_action;
  std::optional<std::int64_t> frames;
  std::optional<int> steps;
  std::optional<double> guidance, shift;
  std::optional<std::string> negative_prompt;
  std::uint64_t seed = 0;

  GenerateOptions options() const {
    GenerateOptions options{.task = task_from_name(task)};
    if (actions) options.actions = trajectory_from(*actions, "actions");
    if (first_action) {
      check_shape(first_action->ndim() == 1 && first_action->size() == 7, where, "first_action", "(7,)", shape_of(*first_action));
      const Eigen::Map<const ActionMatrix> row(first_action->data(), 1, 7);
      options.first_action = trajectory_from_matrix(row).front();
    }
    check(frames.value_or(1) >= 1, where, "frames", "a positive number", frames.value_or(1));
    check(steps.value_or(1) >= 1, where, "steps", "a positive number", steps.value_or(1));
    options.frames = frames.value_or(0);
    options.steps = steps.value_or(0);
    options.guidance = guidance;
    options.shift = shift;
    options.negative_prompt = negative_prompt;
    options.seed = seed;
    return options;
  }
};

py::dict generate(const WorldModel& model, const std::vector<py::array>& images, const std::string& prompt,
                  const Rig& rig, const Request& request, const py::object& progress) {
  std::vector<VideoFrames> views;
  for (const py::array& image : images) views.push_back(frames_from(image, views.size()));
  GenerateOptions options = request.options();
  std::exception_ptr raised;
  options.progress = progress_from(progress, raised);
  std::optional<Rollout> rollout;
  {
    const py::gil_scoped_release without_python;
    try {
      rollout = model.generate(views, prompt, rig, options);
    } catch (const Interrupted&) {
      if (!raised) throw;
    }
  }
  if (raised) std::rethrow_exception(raised);
  return rollout_to_python(*rollout);
}

}  // namespace
}  // namespace action_images

void bind_world(py::module_& module) {
  using namespace action_images;
  py::class_<WorldModel, std::shared_ptr<WorldModel>> world_model(
      module, "WorldModel", "A loaded world model; see action_images.model.");
  binding::def_loading(world_model);
  world_model
      .def_property_readonly("config", [](const WorldModel& model) { return json_from(model.config()).dump(); },
                             "The model's config.json as text.")
      .def(
          "generate",
          [](const WorldModel& model, const std::vector<py::array>& images, const std::string& prompt, const Rig& rig,
             const std::string& task, std::optional<Numbers> actions, std::optional<Numbers> first_action,
             std::optional<std::int64_t> frames, std::optional<int> steps, std::optional<double> guidance,
             std::optional<double> shift, std::optional<std::string> negative_prompt, std::uint64_t seed,
             const py::object& progress) {
            const Request request{task, std::move(actions), std::move(first_action), frames, steps, guidance, shift,
                                  std::move(negative_prompt), seed};
            return generate(model, images, prompt, rig, request, progress);
          },
          py::arg("images"), py::arg("prompt"), py::arg("rig"), py::kw_only(), py::arg("task") = "i2va",
          py::arg("actions") = py::none(), py::arg("first_action") = py::none(), py::arg("frames") = py::none(),
          py::arg("steps") = py::none(), py::arg("guidance") = py::none(), py::arg("shift") = py::none(),
          py::arg("negative_prompt") = py::none(), py::arg("seed") = 0, py::arg("progress") = py::none(),
          "Arrays and a Rig in, a dict of them out; action_images.model.WorldModel.generate documents the arguments.");
}
