// SPDX-License-Identifier: Apache-2.0
// Videos written piece by piece: VideoWriter.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <filesystem>
#include <string>
#include <vector>

#include <action_images/core/check.hpp>
#include <action_images/video.hpp>

namespace py = pybind11;
using namespace action_images;

namespace {

constexpr const char* writer_doc =
    R"(A video (height, width) [px] written piece by piece; the file appears under its name in finish(), or not at all.

fps: frames per second; crf: 0 best, 51 worst; keyframes: most frames from one keyframe to the next, 0: the encoder's
own. As a context manager it finishes at the end of a block that does not fail.

Raises ShapeError or ValueError for a size or an option out of range, FormatError if the file cannot be written.)";

using Bytes = py::array_t<std::uint8_t, py::array::c_style>;

class PieceWriter {
 public:
  PieceWriter(const std::filesystem::path& path, int height, int width, const VideoOptions& options)
      : writer_(path, height, width, options), height_(height), width_(width) {}

  void add(const py::array& frames) {
    check(py::isinstance<py::array_t<std::uint8_t>>(frames), "video::VideoWriter", "frames", "dtype uint8",
          std::string(py::str(frames.dtype())));
    const std::vector<py::ssize_t> shape(frames.shape(), frames.shape() + frames.ndim());
    const bool fits = shape.size() == 4 && shape[1] == height_ && shape[2] == width_ && shape[3] == 3;
    check_shape(fits, "video::VideoWriter", "frames", text_of("(T, ", height_, ", ", width_, ", 3)"), shape);
    const Bytes bytes = Bytes::ensure(frames);
    const std::uint8_t* const rgb = bytes.data();
    const py::gil_scoped_release released;
    for (py::ssize_t frame = 0; frame < shape[0]; ++frame) writer_.add(rgb + frame * height_ * width_ * 3);
  }

  void finish() {
    const py::gil_scoped_release released;
    writer_.finish();
  }

 private:
  VideoWriter writer_;
  py::ssize_t height_, width_;
};

}  // namespace

void bind_video_writer(py::module_& module) {
  py::class_<PieceWriter>(module, "VideoWriter", writer_doc)
      .def(py::init([](const std::filesystem::path& path, int height, int width, double fps, double crf,
                       const std::string& codec, const std::string& pixel_format, int keyframes) {
             return PieceWriter(path, height, width, {fps, crf, codec, pixel_format, keyframes});
           }),
           py::arg("path"), py::arg("height"), py::arg("width"), py::kw_only(), py::arg("fps") = VideoOptions{}.fps,
           py::arg("crf") = VideoOptions{}.crf, py::arg("codec") = VideoOptions{}.codec,
           py::arg("pixel_format") = VideoOptions{}.pixel_format, py::arg("keyframes") = VideoOptions{}.keyframes)
      .def("add", &PieceWriter::add, py::arg("frames"), "Appends frames (T, height, width, 3) uint8.")
      .def("finish", &PieceWriter::finish, "Completes the file and gives it its name.")
      .def(
          "__enter__", [](PieceWriter& self) -> PieceWriter& { return self; }, py::return_value_policy::reference)
      .def("__exit__", [](PieceWriter& self, const py::object& error, const py::object&, const py::object&) {
        if (error.is_none()) self.finish();
      });
}
