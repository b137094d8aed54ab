// SPDX-License-Identifier: Apache-2.0
// The action head; WorldModel::generate takes it.
#include <memory>
#include <optional>
#include <string>

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>
#include <nlohmann/json.hpp>

#include <action_images/train/action_head_training.hpp>
#include <action_images/world/action_head.hpp>

#include "callbacks.hpp"
#include "episodes.hpp"
#include "network.hpp"

namespace py = pybind11;
using namespace action_images;

namespace {

constexpr const char* class_doc =
    R"(The paper's optional action head: a small MLP on latents, cameras and decoded actions.

config: views, channels, temporal_stride, latent_pool, hidden, layers, position_scale [m], all optional. A fresh head,
after initialize(seed), leaves the decoded actions as they are. WorldModel.generate takes it as action_head.)";

using Numbers = py::array_t<double, py::array::c_style | py::array::forcecast>;

Numbers predict(const ActionHead& self, const at::Tensor& latents, const Rig& rig, const Numbers& actions,
                const std::vector<double>& confidence) {
  constexpr const char* where = "world::ActionHead::predict";
  check_shape(actions.ndim() == 2 && actions.shape(1) == 7 && actions.shape(0) > 0, where, "actions", "(T, 7)",
              std::vector<std::int64_t>(actions.shape(), actions.shape() + actions.ndim()));
  const auto decoded = trajectory_from_matrix(Eigen::Map<const ActionMatrix>(actions.data(), actions.shape(0), 7));
  const std::int64_t latent_frames = 1 + (std::ssize(decoded) - 1) / self.config().temporal_stride;
  const Packing packing = Packing::joint(static_cast<std::int64_t>(rig.size()), latent_frames);
  const ActionMatrix rows = matrix_from_trajectory(self.predict({latents, packing, rig, decoded, confidence}));
  return Numbers({rows.rows(), rows.cols()}, rows.data());
}

std::shared_ptr<ActionHead> train(const WorldModel& model, const py::object& data,
                                  const std::string& options, const py::object& progress) {
  auto parsed = action_head_training_options(nlohmann::json::parse(options));
  std::vector<MixtureSource> sources = binding::mixture_from(data, "train::train_action_head");
  binding::Callbacks callbacks;
  parsed.progress = [&](const ActionHeadTrainingEvent& event) {
    return callbacks(progress, event.stage, event.done, event.total, event.loss);
  };
  std::shared_ptr<ActionHead> head;
  {
    const py::gil_scoped_release without_python;
    try {
      head = std::make_shared<ActionHead>(train_action_head(model, std::move(sources), parsed));
    } catch (const Interrupted&) {
    }
  }
  callbacks.raise_again();
  return head;
}

}  // namespace

void bind_action_head(py::module_& module) {
  py::class_<ActionHead, std::shared_ptr<ActionHead>> head(module, "ActionHead", class_doc);
  head.def(py::init([](const py::dict& config) {
             return std::make_shared<ActionHead>(action_head_config(binding::json_from(config)));
           }),
           py::arg("config") = py::dict())
      .def_static("load", &ActionHead::load, py::arg("path"),
                  "Reads a file that save() wrote. Raises FormatError naming what is wrong in it.")
      .def("save", &ActionHead::save, py::arg("path"),
           "Writes a safetensors file with the config in its metadata, complete or not at all.")
      .def("predict", &predict, py::arg("latents"), py::arg("rig"), py::arg("actions"), py::arg("confidence"),
           "Actions (T, 7) of a Rollout's latents (C, N, h, w), rig, decoded actions (T, 7) and confidence (T,).")
      .def_property_readonly(
          "config", [](const ActionHead& self) { return binding::dict_from(action_head_config_json(self.config())); });
  binding::def_parameters(head);
  module.def("train_action_head", &train, py::arg("model"), py::arg("data"), py::arg("options"),
             py::arg("progress") = py::none(),
             "Trains an ActionHead; action_images.model.train_action_head documents it. options: JSON text. None if\n"
             "the progress callback stopped it.");
}
