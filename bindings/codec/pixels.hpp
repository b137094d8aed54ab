// SPDX-License-Identifier: Apache-2.0
// Pixel actions of Python.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include <action_images/codec/pixel_action.hpp>

#include "arrays.hpp"

namespace action_images::bindings {

/// Pixel actions (V, T, 7), also written as (V, 7 T), and their view.
struct GivenPixels {
  Doubles numbers;
  aim::PixelActionsView view;

  GivenPixels(const py::object& object, const char* where)
      : numbers(doubles_from(object, where, "pixels", "(V, T, 7)")) {
    const bool fits = (numbers.ndim() == 3 && numbers.shape(2) == 7) ||
                      (numbers.ndim() == 2 && numbers.shape(1) > 0 && numbers.shape(1) % 7 == 0);
    aim::check_shape(fits, where, "pixels", "(V, T, 7) or (V, 7 T)", shape_of(numbers));
    const py::ssize_t frames = numbers.ndim() == 3 ? numbers.shape(1) : numbers.shape(1) / 7;
    view = {numbers.data(), static_cast<std::size_t>(numbers.shape(0)), static_cast<std::size_t>(frames)};
  }

  /// One frame repeated; as it is for as many frames as there are.
  void repeat(std::int64_t frames, const char* where) {
    if (frames == static_cast<std::int64_t>(view.frames)) return;
    aim::check(frames > 0 && view.frames == 1, where, "frames",
               view.frames == 1 ? "a number of at least 1" : aim::text_of(view.frames, ", as there are pixels of"),
               frames);
    py::array_t<double> repeated(
        {static_cast<py::ssize_t>(view.views), static_cast<py::ssize_t>(frames), py::ssize_t{7}});
    double* values = repeated.mutable_data();
    for (std::size_t i = 0; i < view.views; ++i) {
      for (std::int64_t t = 0; t < frames; ++t) values = std::copy_n(view.row(i, 0), 7, values);
    }
    view = {repeated.data(), view.views, static_cast<std::size_t>(frames)};
    numbers = std::move(repeated);
  }
};

}  // namespace action_images::bindings
