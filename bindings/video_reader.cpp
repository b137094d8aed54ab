// SPDX-License-Identifier: Apache-2.0
// Frames of a video by number or time: VideoReader.
#include "video.hpp"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <chrono>
#include <exception>
#include <optional>
#include <span>
#include <string>

#include <action_images/core/check.hpp>
#include <action_images/core/interrupted.hpp>
#include <action_images/video/video_reader.hpp>

using namespace action_images;

namespace {

using Numbers = py::array_t<std::int64_t, py::array::c_style>;
using Seconds = py::array_t<double, py::array::c_style | py::array::forcecast>;

/// Whole numbers of a list, a range or an array; nothing is rounded.
Numbers numbers_of(const py::object& frames, std::string_view where) {
  const py::array array = py::module_::import("numpy").attr("asarray")(frames);
  const std::vector<py::ssize_t> shape(array.shape(), array.shape() + array.ndim());
  check_shape(array.ndim() == 1, where, "frames", "(T,)", shape);
  const char kind = array.dtype().kind();
  check(kind == 'i' || kind == 'u' || array.size() == 0, where, "frames", "whole numbers",
        std::string(py::str(array.dtype())));
  return Numbers(array.attr("astype")("int64"));
}

/// Ctrl-C, looked for a few times a second: asking takes Python's lock. What it raises is kept for the calling thread.
class Signals {
 public:
  bool go_on() {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::milliseconds(100)) return true;
    last_ = now;
    const py::gil_scoped_acquire with_python;
    raised_ = PyErr_CheckSignals() != 0;
    return !raised_;
  }
  bool raised() const { return raised_; }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
  bool raised_ = false;
};

PixelArray read_frames(const VideoReader& reader, const py::object& frames, const std::optional<std::array<int, 2>>& size) {
  const Numbers numbers = numbers_of(frames, "video::VideoReader::read");
  const std::span<const std::int64_t> wanted(numbers.data(), static_cast<std::size_t>(numbers.size()));
  if (size) check(std::min((*size)[0], (*size)[1]) >= 1, "video::VideoReader::read", "size", "(height, width) from 1 on",
                  text_of('(', (*size)[0], ", ", (*size)[1], ')'));
  const PictureSize target = size ? PictureSize{(*size)[0], (*size)[1]} : PictureSize{};
  VideoFrames video;
  Signals signals;
  try {
    const py::gil_scoped_release release;
    video = reader.read(wanted, target, [&](std::int64_t, std::int64_t) { return signals.go_on(); });
  } catch (const Interrupted&) {
    throw py::error_already_set();  // what the signal's handler raised
  }
  return to_array(std::move(video));
}

Numbers frames_at(const VideoReader& reader, const Seconds& seconds, double tolerance) {
  check_shape(seconds.ndim() == 1, "video::VideoReader::frames_at", "seconds", "(T,)",
              std::vector<py::ssize_t>(seconds.shape(), seconds.shape() + seconds.ndim()));
  const auto frames = reader.frames_at({seconds.data(), static_cast<std::size_t>(seconds.size())}, tolerance);
  return Numbers(static_cast<py::ssize_t>(frames.size()), frames.data());
}

}  // namespace

void bind_video_reader(py::module_& module) {
  py::class_<VideoReader>(module, "VideoReader",
                          "Frames of a video by number or time; only what is asked for is decoded and converted.")
      .def(py::init([](const std::filesystem::path& path, int threads,
                       const std::optional<std::filesystem::path>& index_folder) {
             const py::gil_scoped_release release;
             return VideoReader(path, {threads, index_folder.value_or(std::filesystem::path())});
           }),
           py::arg("path"), py::kw_only(), py::arg("threads") = VideoReaderOptions{}.threads,
           py::arg("index_folder") = py::none())
      .def("__len__", [](const VideoReader& reader) { return static_cast<std::size_t>(reader.frames()); })
      .def_property_readonly("path", &VideoReader::path)
      .def_property_readonly("frames", &VideoReader::frames)
      .def_property_readonly("height", &VideoReader::height)
      .def_property_readonly("width", &VideoReader::width)
      .def_property_readonly("fps", &VideoReader::fps)
      .def_property_readonly("times",
                             [](const VideoReader& reader) {
                               const std::vector<double> times = reader.times();
                               return py::array_t<double>(static_cast<py::ssize_t>(times.size()), times.data());
                             })
      .def("frames_at", &frames_at, py::arg("seconds"), py::arg("tolerance"))
      .def("read", &read_frames, py::arg("frames"), py::arg("size") = py::none());
}
