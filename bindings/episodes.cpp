// SPDX-License-Identifier: Apache-2.0
#include "episodes.hpp"

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <ATen/ops/from_blob.h>

#include <action_images/core/check.hpp>
#include <action_images/core/interrupted.hpp>
#include <action_images/data/frame_sources.hpp>
#include <action_images/tensor/crop_resize.hpp>

namespace py = pybind11;

namespace action_images::binding {
namespace {

std::string type_of(const py::handle& object) { return py::type::of(object).attr("__name__").cast<std::string>(); }

// A Python object that may be let go on any thread.
class Shared {
 public:
  explicit Shared(py::object object) : object_(std::move(object)) {}
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() {
    if (Py_IsInitialized() == 0) {
      object_.release();
      return;
    }
    const py::gil_scoped_acquire with_python;
    object_ = py::object();
  }
  const py::object& operator*() const { return object_; }
  const py::object* operator->() const { return &object_; }

 private:
  py::object object_;
};

// What an exception says, without the places that it came through.
std::string text_from(const py::error_already_set& error) {
  const std::string text = error.what();
  return text.substr(0, text.find('\n'));
}

// Runs what calls Python; its exceptions become the library's, for C++ threads have no use for Python's.
template <typename Call>
auto calling(const std::string& what, const Call& call) {
  const py::gil_scoped_acquire with_python;
  try {
    return call();
  } catch (py::error_already_set& error) {
    if (!error.matches(PyExc_Exception)) throw Interrupted("[data::Episodes] " + what + ": " + text_from(error));
    throw FormatError(expected_text("data::Episodes", what, "no exception", text_from(error)));
  } catch (const py::cast_error&) {
    throw FormatError(expected_text("data::Episodes", what, "what the documentation says", "another type"));
  }
}

py::array array_of(const py::object& object, std::string_view where, const std::string& name) {
  const auto array = py::array::ensure(object, py::array::c_style);
  check(static_cast<bool>(array), where, name, "an array (T, H, W, 3)", type_of(object));
  return array;
}

FramesView view_of(const py::array& array, std::string_view where, const std::string& name) {
  check(py::isinstance<py::array_t<std::uint8_t>>(array), where, name, "dtype uint8",
        std::string(py::str(array.dtype())));
  const std::vector<std::int64_t> shape(array.shape(), array.shape() + array.ndim());
  check_shape(array.ndim() == 4 && array.shape(3) == 3, where, name, "(T, H, W, 3)", shape);
  for (const std::int64_t size : shape) check_shape(size <= 1 << 30, where, name, "smaller axes", shape);
  return {static_cast<const std::uint8_t*>(array.data()), static_cast<int>(shape[0]), static_cast<int>(shape[1]),
          static_cast<int>(shape[2])};
}

class PythonFrames : public FrameSource {
 public:
  explicit PythonFrames(py::object source) : source_(std::move(source)) {}

  VideoFrames read(std::span<const std::int64_t> frames, int height, int width) const override {
    return calling("read", [&] {
      const std::vector<std::int64_t> indices(frames.begin(), frames.end());
      const py::array array = array_of(source_->attr("read")(indices, height, width), "data::FrameSource", "read()");
      const FramesView given = view_of(array, "data::FrameSource", "read()");
      check_shape(given.frames == std::ssize(indices) && given.frames > 0, "data::FrameSource", "read()",
                  text_of(indices.size(), " frames"), {given.frames, given.height, given.width, 3});
      auto* const bytes = const_cast<std::uint8_t*>(given.rgb);
      const at::Tensor fitted = center_crop_resize(
          at::from_blob(bytes, {given.frames, given.height, given.width, 3}, at::kByte), height, width);
      const auto* const begin = fitted.const_data_ptr<std::uint8_t>();
      return VideoFrames{
          .rgb = {begin, begin + fitted.numel()}, .frames = given.frames, .height = height, .width = width};
    });
  }

 private:
  Shared source_;
};

class PythonEpisodes : public EpisodeSource {
 public:
  explicit PythonEpisodes(py::object source)
      : source_(std::move(source)),
        name_(text("name", type_of(*source_))),
        layout_(text("layout", "")),
        fingerprint_(text("fingerprint", "")) {}

  std::string name() const override { return name_; }
  std::string layout() const override { return layout_; }
  std::string fingerprint() const override { return fingerprint_; }

  std::int64_t size() const override {
    return calling(name_ + ": len()", [&] { return static_cast<std::int64_t>(py::len(*source_)); });
  }

  Episode episode(std::int64_t index) const override {
    return calling(episode_name(index), [&] { return (*source_)[py::int_(index)].cast<Episode>(); });
  }

 private:
  // An attribute, or what a method of that name gives.
  std::string text(const char* name, const std::string& absent) const {
    const py::object value = py::getattr(*source_, name, py::str(absent));
    return (PyCallable_Check(value.ptr()) != 0 ? value() : value).cast<std::string>();
  }

  Shared source_;
  std::string name_;
  std::string layout_;
  std::string fingerprint_;
};

bool is_path(const py::object& object) { return py::isinstance<py::str>(object) || py::hasattr(object, "__fspath__"); }

}  // namespace

Bytes array_from(VideoFrames frames) {
  const std::vector<py::ssize_t> shape{frames.frames, frames.height, frames.width, 3};
  auto owner = std::make_unique<VideoFrames>(std::move(frames));
  const std::uint8_t* data = owner->rgb.data();
  const py::capsule capsule(owner.get(), [](void* owned) { delete static_cast<VideoFrames*>(owned); });
  owner.release();
  return Bytes(shape, data, capsule);
}

std::shared_ptr<const FrameSource> frames_from(const py::object& object, std::string_view where) {
  if (py::isinstance<FrameSource>(object)) return object.cast<std::shared_ptr<FrameSource>>();
  if (is_path(object)) return video_file_frames(object.cast<std::filesystem::path>());
  if (py::isinstance<py::array>(object)) {
    const py::array array = array_of(object, where, "pictures");
    return frames_in_memory(view_of(array, where, "pictures"), std::make_shared<Shared>(array));
  }
  check(py::hasattr(object, "read"), where, "pictures",
        "a path of a video, an array (T, H, W, 3), a FrameSource or an object with read()", type_of(object));
  return std::make_shared<PythonFrames>(object);
}

std::shared_ptr<const EpisodeSource> source_from(const py::object& object, std::string_view where) {
  if (py::isinstance<EpisodeSource>(object)) return object.cast<std::shared_ptr<EpisodeSource>>();
  if (is_path(object)) {
    const auto spec = object.cast<std::filesystem::path>().string();
    const py::gil_scoped_release without_python;
    return open_episodes(spec);
  }
  const bool fits = py::hasattr(object, "__len__") && py::hasattr(object, "__getitem__");
  check(fits, where, "source", "a data set, a spec, or an object with __len__ and __getitem__", type_of(object));
  return std::make_shared<PythonEpisodes>(object);
}

std::vector<MixtureSource> mixture_from(const py::object& object, std::string_view where, const std::string& root) {
  if (py::isinstance<py::str>(object)) {
    const auto text = object.cast<std::string>();
    const py::gil_scoped_release without_python;
    return open_mixture(text, root);
  }
  std::vector<MixtureSource> sources;
  for (const py::handle part : object) {
    const auto pair = part.cast<std::pair<py::object, double>>();
    sources.push_back({source_from(pair.first, where), pair.second});
  }
  return sources;
}

}  // namespace action_images::binding
