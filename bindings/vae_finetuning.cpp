// SPDX-License-Identifier: Apache-2.0
#include <torch/csrc/utils/pybind.h>

#include <exception>
#include <memory>
#include <string>

#include <pybind11/stl/filesystem.h>
#include <nlohmann/json.hpp>

#include <action_images/core/interrupted.hpp>
#include <action_images/train/vae_finetuning.hpp>
#include <action_images/world/world_model.hpp>

#include "episodes.hpp"

namespace py = pybind11;
using namespace action_images;

namespace {

py::dict dict_of(const VaeFinetuningEvent& event) {
  py::dict dict;
  dict["step"] = event.step;
  dict["steps"] = event.steps;
  dict["loss"] = event.loss;
  dict["l1"] = event.l1;
  dict["l2"] = event.l2;
  dict["kl"] = event.kl;
  dict["perceptual"] = event.perceptual;
  return dict;
}

// The Python functions of a training, which runs without the interpreter's lock. What they raise stops it.
struct Callbacks {
  py::object perceptual, progress;
  std::exception_ptr raised;

  at::Tensor distance(const at::Tensor& decoded, const at::Tensor& given) {
    const py::gil_scoped_acquire with_python;
    try {
      return perceptual(decoded, given).cast<at::Tensor>().to(at::kFloat).mean();
    } catch (...) {
      raised = std::current_exception();
    }
    throw Interrupted("[train::finetune_vae] stopped by the perceptual loss");
  }

  bool tell(const VaeFinetuningEvent& event) {
    const py::gil_scoped_acquire with_python;
    try {
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      return progress.is_none() || !progress(dict_of(event)).is(py::bool_(false));
    } catch (...) {
      raised = std::current_exception();
      return false;
    }
  }
};

bool train_vae(const WorldModel& model, const py::object& data, const std::filesystem::path& output,
               const std::string& options, const py::object& perceptual, const py::object& progress) {
  auto parsed = vae_finetuning_options(nlohmann::json::parse(options));
  std::vector<MixtureSource> sources = binding::mixture_from(data, "train::finetune_vae");
  Callbacks callbacks{perceptual, progress, nullptr};
  parsed.progress = [&](const VaeFinetuningEvent& event) { return callbacks.tell(event); };
  if (!perceptual.is_none()) {
    parsed.perceptual = [&](const at::Tensor& decoded, const at::Tensor& given) {
      return callbacks.distance(decoded, given);
    };
  }
  bool finished = false;
  {
    const py::gil_scoped_release without_python;
    const auto vae = make_video_vae(model.vae().config());
    vae->parameters().load(model.vae().parameters().state());
    try {
      finished = finetune_vae(*vae, model.config(), std::move(sources), output, parsed);
    } catch (const Interrupted&) {
      if (!callbacks.raised) throw;
    }
  }
  if (callbacks.raised) std::rethrow_exception(callbacks.raised);
  return finished;
}

}  // namespace

void bind_vae_finetuning(py::module_& module) {
  module.def("train_vae", &train_vae, py::arg("model"), py::arg("data"), py::arg("output"), py::arg("options"),
             py::arg("perceptual") = py::none(), py::arg("progress") = py::none(),
             "Trains a copy of the model's VAE; action_images.model.train_vae documents it. options: JSON text.");
}
