// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/csrc/utils/pybind.h>

#include <cstdint>
#include <string>

#include <pybind11/stl.h>
#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>
#include <action_images/nn/parameters.hpp>

/// What the bindings of all networks have in common.
namespace action_images::binding {

inline nlohmann::json json_from(const pybind11::dict& config) {
  const auto text = pybind11::module_::import("json").attr("dumps")(config).cast<std::string>();
  return nlohmann::json::parse(text);
}

inline pybind11::dict dict_from(const nlohmann::json& config) {
  return pybind11::module_::import("json").attr("loads")(config.dump()).cast<pybind11::dict>();
}

inline at::ScalarType dtype_from(const pybind11::object& dtype) {
  check(THPDtype_Check(dtype.ptr()), "Network.to", "dtype", "a torch.dtype", pybind11::str(dtype).cast<std::string>());
  return reinterpret_cast<THPDtype*>(dtype.ptr())->scalar_type;
}

/// Casts or moves parameters to a torch.dtype, a torch.device, or a device's name such as "cuda:0".
inline void move_to(Parameters& parameters, const pybind11::object& target) {
  namespace py = pybind11;
  if (THPDtype_Check(target.ptr())) {
    parameters.to(dtype_from(target));
  } else {
    const bool is_device = THPDevice_Check(target.ptr()) || py::isinstance<py::str>(target);
    check(is_device, "Network.to", "target", "a torch.dtype, a torch.device or its name",
          py::str(target).cast<std::string>());
    parameters.to(py::isinstance<py::str>(target) ? at::Device(target.cast<std::string>()) : target.cast<at::Device>());
  }
}

/// Adds state_dict, load_state_dict, named_parameters, initialize, to, requires_grad_ and num_parameters to a network.
template <typename Network, typename... Bases>
void def_parameters(pybind11::class_<Network, Bases...>& network) {
  namespace py = pybind11;
  network
      .def(
          "state_dict", [](const Network& self) { return self.parameters().state(); },
          "Parameters by name; they share memory with the network.")
      .def(
          "load_state_dict", [](Network& self, const TensorMap& tensors) { self.parameters().load(tensors); },
          py::arg("tensors"),
          "Copies tensors into the parameters. Raises ValueError listing every name that does not fit.")
      .def(
          "named_parameters", [](const Network& self) { return self.parameters().named(); },
          "List of (name, parameter); training changes these in place.")
      .def(
          "initialize", [](Network& self, std::uint64_t seed) { self.parameters().initialize(seed); }, py::arg("seed"),
          "Fills the parameters for training from scratch: equal for equal seeds.")
      .def(
          "to",
          [](py::object self, const py::args& targets, const py::kwargs& named) {
            auto& parameters = self.cast<Network&>().parameters();
            for (const auto& target : targets) move_to(parameters, py::reinterpret_borrow<py::object>(target));
            for (const auto& [name, target] : named) {
              const auto key = py::str(name).cast<std::string>();
              check(key == "dtype" || key == "device", "Network.to", "argument", "dtype or device", key);
              const auto value = py::reinterpret_borrow<py::object>(target);
              if (value.is_none()) continue;
              key == "dtype" ? parameters.to(dtype_from(value)) : move_to(parameters, value);
            }
            return self;
          },
          "Casts the parameters to a torch.dtype, moves them to a device (torch.device or its name), or both, and\n"
          "returns the network: to(torch.bfloat16), to(\"cuda\"), to(device=\"cuda\", dtype=torch.bfloat16).")
      .def(
          "requires_grad_",
          [](py::object self, bool on) {
            self.cast<Network&>().parameters().requires_grad(on);
            return self;
          },
          py::arg("requires_grad") = true, "Sets whether the parameters get gradients, and returns the network.")
      .def_property_readonly("num_parameters", [](const Network& self) { return self.parameters().count(); });
}

}  // namespace action_images::binding
