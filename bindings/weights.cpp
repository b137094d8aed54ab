// SPDX-License-Identifier: Apache-2.0
// Files of weights and the names in them.
#include <torch/csrc/utils/pybind.h>

#include <optional>

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <action_images/tensor/safetensors.hpp>
#include <action_images/tensor/weights.hpp>
#include <action_images/wan/names.hpp>

#include "network.hpp"

namespace py = pybind11;
using namespace action_images;

namespace {

constexpr const char* load_doc =
    R"(Tensors by name of a safetensors file, a file of torch.save, an index of shards, or a folder with one of these.

Those that keep dtype and device are mapped, not copied, and writing to them leaves the file as it is. dtype: of all
floating-point tensors; device: of all; the others are read one by one, and no more than one of them is in memory beside
the result. progress is called with (bytes done, all); False from it, or an exception, stops. part: which of several
state dicts in a file of torch.save, as "ema" or "state/model". Nothing in a file is executed.

Raises FormatError, naming the file and the tensor, if a file does not keep its format.)";

std::optional<at::ScalarType> dtype_of(const py::object& dtype, const char* where) {
  if (dtype.is_none()) return std::nullopt;
  check(THPDtype_Check(dtype.ptr()), where, "dtype", "a torch.dtype", py::str(dtype).cast<std::string>());
  return reinterpret_cast<THPDtype*>(dtype.ptr())->scalar_type;
}

// Ctrl-C ends the call at the next piece; only False, not None, from the callback stops.
std::function<bool(const LoadProgress&)> progress_of(const std::optional<py::function>& progress) {
  return [callback = progress ? progress->ptr() : nullptr](const LoadProgress& at) {
    const py::gil_scoped_acquire held;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    return callback == nullptr || !py::reinterpret_borrow<py::function>(callback)(at.done, at.total).is(py::bool_(false));
  };
}

TensorMap load(const std::filesystem::path& path, const py::object& dtype, const std::optional<at::Device>& device,
               const std::optional<py::function>& progress, const std::string& part) {
  const LoadOptions options{.dtype = dtype_of(dtype, "tensor::load_tensors"),
                            .device = device.value_or(at::kCPU),
                            .progress = progress_of(progress),
                            .part = part};
  const py::gil_scoped_release released;
  return load_tensors(path, options);
}

void bind_files(py::module_& module) {
  const py::call_guard<py::gil_scoped_release> released;
  module.def("load_tensors", &load, py::arg("path"), py::arg("dtype") = py::none(), py::arg("device") = py::none(),
             py::arg("progress") = py::none(), py::arg("part") = "", load_doc);
  module.def(
      "tensors_metadata", [](const std::filesystem::path& path) { return SafetensorsFile(path).metadata(); },
      py::arg("path"), released, "Free texts of a safetensors file's header.");
  module.def("save_tensors", &save_safetensors, py::arg("path"), py::arg("tensors"),
             py::arg("metadata") = SafetensorsFile::Metadata{}, released,
             R"(Writes a dict of tensors as a safetensors file, which appears complete or not at all.

Raises ValueError on a dtype that the format does not have, or if the file cannot be written.)");
}

void bind_names(py::module_& module) {
  module.def("wan_transformer_tensors", &wan_transformer_tensors, py::arg("tensors"),
             R"(The tensors under Wan's names: prefixes such as "pipe.dit." or "module." are taken off, diffusers' names renamed.

Other names stay as they are; nothing is copied. Raises FormatError if two tensors get the same name.)");
  module.def(
      "wan_config_from_tensors",
      [](const TensorMap& tensors, std::int64_t head_dim) {
        return binding::dict_from(wan_config_json(wan_config_from_tensors(tensors, head_dim)));
      },
      py::arg("tensors"), py::arg("head_dim") = 128,
      R"(The config of the WanTransformer that tensors with Wan's names belong to, as their shapes say.

head_dim: channels of a head where no published model fits, which no shape tells. Raises FormatError naming a tensor that
is missing or has other axes.)");
  module.def(
      "with_camera_layers",
      [](TensorMap tensors, const py::dict& config, const std::optional<py::function>& notice) {
        const Notice tell = [&](const std::string& text) {
          if (notice) (*notice)(text);
        };
        return with_camera_layers(std::move(tensors), wan_config(binding::json_from(config)), tell);
      },
      py::arg("tensors"), py::arg("config"), py::arg("notice") = py::none(),
      R"(The tensors and those of the config's camera layers that they lack: cam_encoder zero, projector the identity.

notice is called with one sentence if any were added.)");
}

}  // namespace

void bind_weights(py::module_& module) {
  bind_files(module);
  bind_names(module);
}
