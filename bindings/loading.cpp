// SPDX-License-Identifier: Apache-2.0
// Loading of world models and prompt encoders for python/action_images/_loading.py, which gives it its Python face.
#include "loading.hpp"

#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/functional.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <action_images/core/interrupted.hpp>
#include <action_images/world/presets.hpp>

#include "network.hpp"

namespace py = pybind11;

namespace action_images::binding {
namespace {

namespace fs = std::filesystem;

py::object option(const py::kwargs& options, const char* key) {
  return options.contains(key) ? py::object(options[key]) : py::none();
}

// The option's value, or `absent` where it is None or not given.
template <typename Value>
Value value_in(const py::kwargs& options, const char* key, Value absent) {
  const py::object given = option(options, key);
  return given.is_none() ? absent : given.cast<Value>();
}

std::optional<at::ScalarType> dtype_in(const py::kwargs& options, const char* key) {
  const py::object given = option(options, key);
  return given.is_none() ? std::nullopt : std::optional(dtype_from(given));
}

std::optional<at::Device> device_in(const py::kwargs& options, const char* key) {
  const py::object given = option(options, key);
  return given.is_none() ? std::nullopt : std::optional(given.cast<at::Device>());
}

// An exception of a Python callback, carried over the C++ that called it.
class Raised {
 public:
  void keep() { error_ = std::current_exception(); }
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::exception_ptr error_;
};

struct Request {
  ModelSource source;
  ModelOptions options;
  py::object notice, progress;
  Raised raised;

  Request(const fs::path& model, const py::kwargs& given)
      : source{.model = model}, notice(option(given, "notice")), progress(option(given, "progress")) {
    source.base = value_in(given, "base", source.base);
    source.model_id = value_in(given, "model_id", source.model_id);
    source.checkpoints = value_in(given, "checkpoints", source.checkpoints);
    options.dtype = dtype_in(given, "dtype");
    options.device = device_in(given, "device").value_or(at::kCPU);
    options.vae_dtype = dtype_in(given, "vae_dtype");
    options.vae_device = device_in(given, "vae_device");
    options.text_dtype = dtype_in(given, "text_dtype");
    options.text_device = device_in(given, "text_device");
    options.keep_text_encoder = option(given, "keep_text_encoder").cast<std::optional<bool>>();
    options.embedding_cache = value_in(given, "embedding_cache", fs::path());
    options.config = nlohmann::json::parse(value_in(given, "config", std::string("{}")));
    for (const auto& [path, scale] : value_in(given, "lora", std::vector<std::pair<fs::path, double>>())) {
      options.lora.push_back({path, scale});
    }
    if (!notice.is_none()) {
      options.notice = [this](const std::string& text) {
        const bool heard = ask([&] { return notice(text), true; });
        if (!heard) throw Interrupted("[world::WorldModel::load] stopped by the notice callback");
      };
    }
    options.progress = [this](std::string_view part, const LoadProgress& done) {
      return ask([&] {
        return progress.is_none() || !progress(std::string(part), done.done, done.total).is(py::bool_(false));
      });
    };
  }
  Request(const Request&) = delete;

  // False if Ctrl-C was pressed or the callback says so or raises.
  template <typename Call>
  bool ask(const Call& call) {
    const py::gil_scoped_acquire with_python;
    try {
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      return call();
    } catch (...) {
      raised.keep();
      return false;
    }
  }

  // What `load` makes of the request, without the interpreter's lock.
  template <typename Load>
  auto run(const Load& load) {
    try {
      const py::gil_scoped_release without_python;
      return load(source, options);
    } catch (const Interrupted&) {
      raised.rethrow();
      throw;
    }
  }
};

}  // namespace

void def_loading(py::class_<WorldModel, std::shared_ptr<WorldModel>>& world_model) {
  world_model
      .def(py::init([](const fs::path& model, const py::kwargs& options) {
             Request request(model, options);
             return request.run([](const ModelSource& source, const ModelOptions& how) {
               return std::make_shared<WorldModel>(WorldModel::load(source, how));
             });
           }),
           py::arg("model"))
      .def("encode_prompts", &WorldModel::encode_prompts, py::arg("prompts"), py::call_guard<py::gil_scoped_release>())
      .def(
          "transformer_state", [](const WorldModel& model) { return model.network().transformer().parameters().state(); },
          "Parameters of the transformer by name; they share memory with the model.");
}

}  // namespace action_images::binding

void bind_loading(py::module_& module) {
  using namespace action_images;
  using namespace action_images::binding;
  py::class_<PromptEncoder>(module, "PromptEncoder", "See action_images.model.PromptEncoder.")
      .def(py::init([](const fs::path& model, const py::kwargs& options) {
             Request request(model, options);
             return request.run(load_prompt_encoder);
           }),
           py::arg("model"))
      .def("encode", &PromptEncoder::encode, py::arg("prompts"), py::call_guard<py::gil_scoped_release>());
  module.def("world_preset_names", &world_preset_names, "Names of world_preset().");
  module.def(
      "world_preset", [](const std::string& name) { return dict_from(json_from(world_preset(name))); }, py::arg("name"),
      R"(The config of a published world model as a dict, as WorldModel.config has it: "action-images-5b" and others.

Raises ValueError, listing the names, if there is none of that name.)");
}
