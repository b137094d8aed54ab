// SPDX-License-Identifier: Apache-2.0
// Frames of a video by number or time: VideoReader.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <array>
#include <chrono>
#include <optional>
#include <span>
#include <string>

#include <action_images/core/check.hpp>
#include <action_images/core/interrupted.hpp>
#include <action_images/video/video_reader.hpp>

namespace py = pybind11;
using namespace action_images;

namespace {

using PixelArray = py::array_t<std::uint8_t, py::array::c_style>;
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

/// Ctrl-C, looked for a few times a second, as asking takes Python's lock.
class Signals {
 public:
  bool go_on() {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::milliseconds(100)) return true;
    last_ = now;
    const py::gil_scoped_acquire with_python;
    return PyErr_CheckSignals() == 0;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

PixelArray read_frames(const VideoReader& reader, const py::object& frames,
                       const std::optional<std::array<int, 2>>& size) {
  constexpr auto where = "video::VideoReader::read";
  const Numbers numbers = numbers_of(frames, where);
  const std::span<const std::int64_t> wanted(numbers.data(), static_cast<std::size_t>(numbers.size()));
  const PictureSize target = size ? PictureSize{(*size)[0], (*size)[1]} : PictureSize{reader.height(), reader.width()};
  reader.check_request(wanted, target);
  PixelArray pictures({numbers.size(), py::ssize_t(target.height), py::ssize_t(target.width), py::ssize_t(3)});
  std::uint8_t* const rgb = pictures.mutable_data();
  Signals signals;
  try {
    const py::gil_scoped_release release;
    reader.read_into(rgb, wanted, target, [&](std::int64_t, std::int64_t) { return signals.go_on(); });
  } catch (const Interrupted&) {
    throw py::error_already_set();  // what the signal's handler raised
  }
  return pictures;
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
