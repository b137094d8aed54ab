// SPDX-License-Identifier: Apache-2.0
#include <torch/csrc/utils/pybind.h>

#include <pybind11/stl.h>

#include <action_images/core/check.hpp>
#include <action_images/dist/process_group.hpp>

namespace py = pybind11;
using namespace action_images;

namespace {

ReduceOp op_from_name(const std::string& name) {
  if (name == "sum") return ReduceOp::sum;
  if (name == "mean") return ReduceOp::mean;
  if (name == "min") return ReduceOp::minimum;
  check(name == "max", "dist::ProcessGroup", "op", "sum, mean, min or max", printable(name));
  return ReduceOp::maximum;
}

}  // namespace

void bind_dist(py::module_& module) {
  const auto error = py::register_exception<DistributedError>(module, "DistributedError", PyExc_RuntimeError);
  error.attr("__doc__") = "Another process of the job has ended, hangs, or cannot be reached.";
  py::class_<ProcessGroup>(module, "ProcessGroup",
                           R"(The processes of one job, which talk to each other by torch's c10d.

Every process calls the same collectives in the same order, with contiguous tensors of one shape and dtype.)")
      .def_static("alone", &ProcessGroup::alone, "This process alone: every collective is the identity.")
      .def_static(
          "from_environment",
          [](const std::string& backend, double timeout) {
            return ProcessGroup::from_environment({backend, timeout});
          },
          py::arg("backend") = "auto", py::arg("timeout") = 600.0, py::call_guard<py::gil_scoped_release>(),
          R"(The group that torchrun's variables describe; this process alone without them.

backend: "gloo", "nccl" or "auto", both where they are there. timeout: of the start and of every collective [s].
Raises ValueError naming a variable that is missing or wrong, DistributedError if the others do not come.)")
      .def_static("adopt", &ProcessGroup::adopt, py::arg("name"),
                  R"(The group that torch.distributed has made under this name.

name: torch.distributed.group.WORLD.group_name. Raises ValueError if there is none.)")
      .def_property_readonly("rank", &ProcessGroup::rank)
      .def_property_readonly("size", &ProcessGroup::size)
      .def_property_readonly("backend", &ProcessGroup::backend,
                             R"(One of "alone", "gloo", "nccl" and "cpu:gloo,cuda:nccl".)")
      .def(
          "all_reduce",
          [](const ProcessGroup& group, const at::Tensor& tensor, const std::string& op) {
            group.all_reduce(tensor, op_from_name(op));
          },
          py::arg("tensor"), py::arg("op") = "sum", py::call_guard<py::gil_scoped_release>(),
          "Replaces the tensor by its sum, mean, min or max over the processes.")
      .def("broadcast", &ProcessGroup::broadcast, py::arg("tensor"), py::arg("root") = 0,
           py::call_guard<py::gil_scoped_release>(), "Replaces the tensor by that of rank `root`.")
      .def("barrier", &ProcessGroup::barrier, py::call_guard<py::gil_scoped_release>(),
           "Returns when every process has called it.")
      .def("gather", &ProcessGroup::gather, py::arg("text"), py::call_guard<py::gil_scoped_release>(),
           "Every rank's text, by rank, in every process.");
}
