// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pybind11/numpy.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <action_images/video/frames.hpp>

namespace py = pybind11;

using PixelArray = py::array_t<std::uint8_t, py::array::c_style>;

/// The frames as an array of `shape` that owns them: no copy.
inline PixelArray to_array(action_images::VideoFrames video, const std::vector<py::ssize_t>& shape) {
  auto owner = std::make_unique<action_images::VideoFrames>(std::move(video));
  std::uint8_t* data = owner->rgb.data();
  py::capsule capsule(owner.get(), [](void* frames) { delete static_cast<action_images::VideoFrames*>(frames); });
  owner.release();
  return PixelArray(shape, data, capsule);
}

/// All frames: (T, H, W, 3).
inline PixelArray to_array(action_images::VideoFrames video) {
  const py::ssize_t frames = video.frames, height = video.height, width = video.width;
  return to_array(std::move(video), {frames, height, width, 3});
}

void bind_video_reader(py::module_& module);
