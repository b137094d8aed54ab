// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>

#include <pybind11/pybind11.h>

namespace action_images::binding {

/// Calls of Python's callbacks from a task's threads, which run without the interpreter's lock. Ctrl-C and what a callback
/// raises stop the task; so does a callback that returns False.
class Callbacks {
 public:
  template <typename... Arguments>
  bool operator()(const pybind11::object& callback, const Arguments&... arguments) {
    const pybind11::gil_scoped_acquire with_python;
    try {
      if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
      return callback.is_none() || !callback(arguments...).is(pybind11::bool_(false));
    } catch (...) {
      raised_ = std::current_exception();
      return false;
    }
  }

  bool raised() const { return raised_ != nullptr; }
  void raise_again() const {
    if (raised_) std::rethrow_exception(raised_);
  }

 private:
  std::exception_ptr raised_;
};

}  // namespace action_images::binding
