// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <vector>

#include <action_images/codec/plucker.hpp>
#include <action_images/codec/rig.hpp>

#include "arrays.hpp"

namespace action_images::bindings {

namespace {

py::array_t<float> plucker(const aim::Rig& rig, double moment_scale, const py::object& out, std::int64_t threads) {
  constexpr const char* where = "codec::plucker";
  const aim::PluckerOptions options{moment_scale, threads_from(threads, where)};
  std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(rig.size())};
  if (rig.is_moving()) shape.push_back(static_cast<py::ssize_t>(rig.frames()));
  shape.insert(shape.end(), {rig.height(), rig.width(), 6});
  auto rays = target_from<float>(out, shape, where);
  float* const values = rays.mutable_data();
  py::gil_scoped_release release;
  aim::plucker_into(rig, values, options);
  return rays;
}

}  // namespace

void bind_plucker(py::module_& module) {
  module.def("plucker", &plucker, py::arg("rig"), py::kw_only(), py::arg("moment_scale") = 1.0,
             py::arg("out") = py::none(), py::arg("threads") = 0);
}

}  // namespace action_images::bindings
