// SPDX-License-Identifier: Apache-2.0
// Python objects as the matrices and trajectories of the codec; the functions that fill the module.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include <pybind11/eigen.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <action_images/codec/action.hpp>
#include <action_images/core/check.hpp>

namespace action_images::bindings {

namespace py = pybind11;
namespace aim = action_images;

constexpr int dense = py::array::c_style | py::array::forcecast;
using Doubles = py::array_t<double, dense>;

inline std::vector<std::int64_t> shape_of(const py::array& array) {
  return {array.shape(), array.shape() + array.ndim()};
}

/// Numbers from lists or arrays. @throws ShapeError if rows differ in length or there is something else than numbers.
inline Doubles doubles_from(const py::object& object, const char* where, const char* argument, const char* expected) {
  Doubles array = Doubles::ensure(object);
  if (!array) {
    PyErr_Clear();
    throw aim::ShapeError(aim::expected_text(where, argument, std::string("numbers of shape ") + expected,
                                             py::str(py::type::of(object).attr("__name__")).cast<std::string>()));
  }
  return array;
}

template <int Size>
Eigen::Matrix<double, Size, Size> matrix_from(const py::object& object, const char* where, const char* argument) {
  const std::string expected = aim::shape_text({Size, Size});
  const Doubles array = doubles_from(object, where, argument, expected.c_str());
  aim::check_shape(array.ndim() == 2 && array.shape(0) == Size && array.shape(1) == Size, where, argument, expected,
                   shape_of(array));
  return Eigen::Map<const Eigen::Matrix<double, Size, Size, Eigen::RowMajor>>(array.data());
}

inline aim::Trajectory trajectory_from(const py::object& object, const char* where) {
  const Doubles array = doubles_from(object, where, "actions", "(T, 7)");
  aim::check_shape(array.ndim() == 2 && array.shape(1) == 7, where, "actions", "(T, 7)", shape_of(array));
  return aim::trajectory_from_matrix(Eigen::Map<const aim::ActionMatrix>(array.data(), array.shape(0), 7));
}

inline Eigen::Vector3d vector_from(const py::object& object, const char* where, const char* argument) {
  const Doubles array = doubles_from(object, where, argument, "(3,)");
  aim::check_shape(array.ndim() == 1 && array.shape(0) == 3, where, argument, "(3,)", shape_of(array));
  return {array.at(0), array.at(1), array.at(2)};
}

/// Threads that a caller wishes, 0 for one per core.
inline std::size_t threads_from(std::int64_t threads, const char* where) {
  aim::check(threads >= 0, where, "threads", "0 (one for every core) or a number of threads", threads);
  return static_cast<std::size_t>(threads);
}

/// Of an array given as `out`.
inline void check_writable(const py::array& array, const char* where) {
  aim::check(array.writeable() && (array.flags() & py::array::c_style) != 0, where, "out",
             "a writable C-contiguous array", "another one");
}

/// `out` as an array to write into: a new one of the shape if it is None.
template <typename Value>
py::array_t<Value> target_from(const py::object& out, const std::vector<py::ssize_t>& shape, const char* where) {
  if (out.is_none()) return py::array_t<Value>(shape);
  aim::check(py::isinstance<py::array_t<Value>>(out), where, "out",
             std::is_same_v<Value, float> ? "a float32 array" : "a uint8 array", "something else");
  auto target = py::reinterpret_borrow<py::array_t<Value>>(out);
  const std::vector<std::int64_t> expected(shape.begin(), shape.end());
  aim::check_shape(shape_of(target) == expected, where, "out", aim::shape_text(expected), shape_of(target));
  check_writable(target, where);
  return target;
}

/// (N,)
inline py::array_t<bool> bools_from(const std::vector<bool>& values) {
  py::array_t<bool> array(static_cast<py::ssize_t>(values.size()));
  for (std::size_t i = 0; i < values.size(); ++i) array.mutable_at(static_cast<py::ssize_t>(i)) = values[i];
  return array;
}

void bind_geometry(py::module_& module);    ///< Camera, Rig
void bind_plucker(py::module_& module);     ///< plucker
void bind_images(py::module_& module);      ///< encode, decode, Decoded
void bind_formats(py::module_& module);     ///< action formats, pixel actions
void bind_draw(py::module_& module);        ///< trajectories, axes and action images over pictures
void bind_doctor(py::module_& module);      ///< doctor, Diagnosis
void bind_files(py::module_& module);       ///< calibration and trajectory files, Rig.load
void bind_similarity(py::module_& module);  ///< Similarity and how to find one
void bind_refine(py::module_& module);      ///< rigs from known actions and their pixels

}  // namespace action_images::bindings
