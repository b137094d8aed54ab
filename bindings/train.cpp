// SPDX-License-Identifier: Apache-2.0
#include <pybind11/functional.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <nlohmann/json.hpp>

#include <action_images/core/interrupted.hpp>
#include <action_images/train/trainer.hpp>

namespace py = pybind11;

namespace action_images {
namespace {

TrainConfig config_from(const std::string& text, std::int64_t processes) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  check<FormatError>(!json.is_discarded(), "train::train", "config", "JSON text", "something else");
  return train_config_from_json(json, processes);
}

// Runs on the caller's thread with the GIL released; the listener and Ctrl-C are served between steps.
bool train(const std::string& config, const std::string& output, const py::object& listener,
           const std::optional<std::string>& group) {
  const auto serve = [&listener](const nlohmann::json& event) {
    const py::gil_scoped_acquire with_python;
    if (PyErr_CheckSignals() != 0) {
      PyErr_Clear();
      return false;
    }
    return listener.is_none() || listener(event.dump()).cast<bool>();
  };
  const py::gil_scoped_release without_python;
  const ProcessGroup processes = group ? ProcessGroup::adopt(*group) : ProcessGroup::alone();
  const TrainConfig train_config = config_from(config, processes.size());
  try {
    return Trainer(train_config, output, open_training_data(train_config), serve, processes).run();
  } catch (const Interrupted&) {  // while clips were encoded, which goes on where it was
    return false;
  }
}

}  // namespace
}  // namespace action_images

void bind_train(py::module_& module) {
  module.def("check_train_config", [](const std::string& config) { action_images::config_from(config, 1); },
             py::arg("config"), "Raises FormatError naming what is wrong in a training configuration; reads no data.");
  module.def("train", &action_images::train, py::arg("config"), py::arg("output"), py::arg("listener") = py::none(),
             py::arg("group") = py::none(),
             R"(Trains a world model, or continues an interrupted run found in `output`.

config: JSON text of the training configuration (docs/training.md).
output: folder for checkpoint-N/, log.jsonl, final_model.safetensors and model/.
listener: called with one JSON text per event; returning False saves and stops, as Ctrl-C does.
group: name of torch.distributed's group of the processes that train together; None: this one alone.
Returns True when the run reached its end. Raises FormatError for wrong configurations or damaged files.)");
}
