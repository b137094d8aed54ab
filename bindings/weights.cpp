// SPDX-License-Identifier: Apache-2.0
// Files of weights and the names in them.
#include <torch/csrc/utils/pybind.h>

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>
#include <nlohmann/json.hpp>

#include <action_images/tensor/safetensors.hpp>
#include <action_images/tensor/weights.hpp>
#include <action_images/wan/lora.hpp>
#include <action_images/wan/names.hpp>
#include <action_images/world/convert_weights.hpp>

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

at::Device device_of(const py::object& device) {
  if (device.is_none()) return at::kCPU;
  if (!py::isinstance<py::str>(device)) return device.cast<at::Device>();
  try {
    return at::Device(device.cast<std::string>());
  } catch (const c10::Error&) {
    throw ValueError(expected_text("tensor::load_tensors", "device", "a torch.device", device.cast<std::string>()));
  }
}

// Ctrl-C ends the call at the next piece; only False, not None, from the callback stops.
std::function<bool(const LoadProgress&)> progress_of(const std::optional<py::function>& progress) {
  return [callback = progress ? progress->ptr() : nullptr](const LoadProgress& at) {
    const py::gil_scoped_acquire held;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    return callback == nullptr ||
           !py::reinterpret_borrow<py::function>(callback)(at.done, at.total).is(py::bool_(false));
  };
}

TensorMap load(const std::filesystem::path& path, const py::object& dtype, const py::object& device,
               const std::optional<py::function>& progress, const std::string& part) {
  const LoadOptions options{.dtype = dtype_of(dtype, "tensor::load_tensors"),
                            .device = device_of(device),
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
  module.def(
      "wan_transformer_tensors", &wan_transformer_tensors, py::arg("tensors"),
      R"(The tensors under Wan's names: prefixes such as "pipe.dit." are taken off, diffusers' names renamed.

Other names stay as they are; nothing is copied. Raises FormatError if two tensors get the same name.)");
  module.def(
      "wan_config_from_tensors",
      [](const TensorMap& tensors, std::int64_t head_dim) {
        return binding::dict_from(wan_config_json(wan_config_from_tensors(tensors, head_dim)));
      },
      py::arg("tensors"), py::arg("head_dim") = 128,
      R"(The config of the WanTransformer that tensors with Wan's names belong to, as their shapes say.

head_dim: channels of a head, which no shape tells; 128 in all published models. Raises FormatError naming a tensor that
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
      R"(The tensors and the camera layers that they lack: cam_encoder zero, projector the identity.

notice is called with one sentence if any were added.)");
}

using ScaledFile = std::pair<std::filesystem::path, double>;

TensorMap merge(TensorMap tensors, const std::variant<std::filesystem::path, TensorMap>& lora, double scale) {
  const auto* const path = std::get_if<std::filesystem::path>(&lora);
  return merge_lora(std::move(tensors), path ? Lora::load(*path) : Lora(std::get<TensorMap>(lora)), scale);
}

std::vector<std::filesystem::path> convert(const std::filesystem::path& input, const std::filesystem::path& output,
                                           const py::object& dtype, const std::string& names,
                                           const std::vector<ScaledFile>& lora,
                                           const std::optional<std::uint64_t>& shard_bytes, const std::string& part,
                                           const std::optional<py::function>& progress) {
  constexpr const char* where = "world::convert_weights";
  check(names == "wan" || names == "as-is", where, "names", "\"wan\" or \"as-is\"", names);
  const ConvertOptions options{.dtype = dtype_of(dtype, where),
                               .wan_names = names == "wan",
                               .loras = lora,
                               .shard_bytes = shard_bytes,
                               .part = part,
                               .progress = progress_of(progress)};
  const py::gil_scoped_release released;
  return convert_weights(input, output, options);
}

std::string inspect(const std::filesystem::path& path, const std::string& part) {
  return inspect_weights(path, part).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void bind_conversion(py::module_& module) {
  const py::call_guard<py::gil_scoped_release> released;
  module.def("merge_lora", &merge, py::arg("tensors"), py::arg("lora"), py::arg("scale") = 1.0, released,
             R"(The tensors of a transformer, under Wan's names, with a LoRA merged into them.

lora: a file, PEFT's folder, or a dict of its tensors, under the names of PEFT, diffusers, the published networks or
kohya. Raises FormatError listing all names that do not fit; DoRA is refused.)");
  module.def("convert_weights", &convert, py::arg("input"), py::arg("output"), py::kw_only(),
             py::arg("dtype") = py::none(), py::arg("names") = "wan", py::arg("lora") = std::vector<ScaledFile>{},
             py::arg("shard_bytes") = py::none(), py::arg("part") = "", py::arg("progress") = py::none(),
             R"(Writes weights of any kind that load_tensors reads as safetensors, tensor by tensor; returns the files.

dtype: of all floating-point tensors. names: "wan" gives known networks Wan's names, "as-is" keeps them. lora: (file,
scale) pairs to be merged into a transformer. shard_bytes: most data of a file; more goes into shards with an index.
progress and part are those of load_tensors. All files appear complete or none does.)");
  module.def("inspect_weights", &inspect, py::arg("path"), py::arg("part") = "", released,
             "What is in weights, as the text of a JSON object; see action_images.model.inspect_weights.");
}

}  // namespace

void bind_weights(py::module_& module) {
  bind_files(module);
  bind_names(module);
  bind_conversion(module);
}
