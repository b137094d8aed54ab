// SPDX-License-Identifier: Apache-2.0
// Pictures and videos as numpy arrays: read_image, write_image, read_video, write_video; VideoReader.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <action_images/core/check.hpp>
#include <action_images/video.hpp>

namespace py = pybind11;
using namespace action_images;

namespace {

using Bytes = py::array_t<std::uint8_t, py::array::c_style>;

/// The frames as an array of `shape` that owns them: no copy.
Bytes to_array(VideoFrames video, const std::vector<py::ssize_t>& shape) {
  auto owner = std::make_unique<VideoFrames>(std::move(video));
  std::uint8_t* data = owner->rgb.data();
  py::capsule capsule(owner.get(), [](void* frames) { delete static_cast<VideoFrames*>(frames); });
  owner.release();
  return Bytes(shape, data, capsule);
}

/// Checks dtype and shape: nothing is cast, as a float in [0, 1] would turn black without a word.
Bytes frames_of(const py::array& array, py::ssize_t axes, std::string_view where, std::string_view argument) {
  check(py::isinstance<py::array_t<std::uint8_t>>(array), where, argument, "dtype uint8",
        std::string(py::str(array.dtype())));
  const std::vector<py::ssize_t> shape(array.shape(), array.shape() + array.ndim());
  check_shape(array.ndim() == axes && array.shape(axes - 1) == 3, where, argument,
              axes == 3 ? "(H, W, 3)" : "(T, H, W, 3)", shape);
  for (const py::ssize_t size : shape) check_shape(size <= 1 << 30, where, argument, "smaller axes", shape);
  return Bytes::ensure(array);
}

Bytes read_image_array(const std::filesystem::path& path) {
  VideoFrames image;
  {
    const py::gil_scoped_release release;
    image = read_image(path);
  }
  const py::ssize_t height = image.height, width = image.width;
  return to_array(std::move(image), {height, width, 3});
}

void write_image_array(const std::filesystem::path& path, const py::array& image) {
  const Bytes bytes = frames_of(image, 3, "video::write_image", "image");
  const FramesView view(bytes.data(), 1, int(bytes.shape(0)), int(bytes.shape(1)));
  const py::gil_scoped_release release;
  write_image(path, view);
}

Bytes read_video_array(const std::filesystem::path& path, std::int64_t first, std::optional<std::int64_t> frames) {
  VideoFrames video;
  {
    const py::gil_scoped_release release;
    video = read_video(path, {.first = first, .frames = frames.value_or(FrameRange{}.frames)});
  }
  const py::ssize_t count = video.frames, height = video.height, width = video.width;
  return to_array(std::move(video), {count, height, width, 3});
}

void write_video_array(const std::filesystem::path& path, const py::array& frames, const VideoOptions& options) {
  const Bytes bytes = frames_of(frames, 4, "video::write_video", "frames");
  const FramesView view(bytes.data(), int(bytes.shape(0)), int(bytes.shape(1)), int(bytes.shape(2)));
  const py::gil_scoped_release release;
  write_video(path, view, options);
}

}  // namespace

void bind_video_reader(py::module_& module);

void bind_video(py::module_& module) {
  bind_video_reader(module);
  module.def("read_image", &read_image_array, py::arg("path"),
             "Reads a picture (PNG, JPEG, ...) as (H, W, 3) uint8 RGB. FormatError names a file that is missing, not a "
             "picture, cut short or larger than 16384 px.");
  module.def("write_image", &write_image_array, py::arg("path"), py::arg("image"),
             "Writes (H, W, 3) uint8 as PNG; the file appears complete or not at all.");
  module.def("read_video", &read_video_array, py::arg("path"), py::arg("first") = 0, py::arg("frames") = py::none(),
             "Reads a video, or at most `frames` of its frames from `first` on, as (T, H, W, 3) uint8 RGB.");
  module.def(
      "write_video",
      [](const std::filesystem::path& path, const py::array& frames, double fps, double crf, const std::string& codec,
         const std::string& pixel_format) {
        write_video_array(path, frames, {fps, crf, codec, pixel_format});
      },
      py::arg("path"), py::arg("frames"), py::arg("fps") = VideoOptions{}.fps, py::arg("crf") = VideoOptions{}.crf,
      py::arg("codec") = VideoOptions{}.codec, py::arg("pixel_format") = VideoOptions{}.pixel_format,
      "Writes (T, H, W, 3) uint8 RGB as H.264 (crf 0 best, 51 worst); odd sizes are kept by full-resolution colour. "
      "Nothing is lost with crf=0, codec='libx264rgb', pixel_format='rgb24'. The file appears complete or not at all.");
}
