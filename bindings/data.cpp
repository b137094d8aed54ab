// SPDX-License-Identifier: Apache-2.0
// Episodes and data sets for python/action_images/data, which gives them their Python face. Rigs and cameras are those
// of
// `_codec`.
#include <torch/csrc/utils/pybind.h>

#include <pybind11/functional.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <exception>
#include <optional>
#include <utility>

#include <action_images/core/check.hpp>
#include <action_images/core/interrupted.hpp>
#include <action_images/data/clip.hpp>
#include <action_images/data/frame_sources.hpp>
#include <action_images/data/native.hpp>
#include <action_images/data/random_stream.hpp>

#include "callbacks.hpp"
#include "episodes.hpp"

namespace py = pybind11;
using namespace action_images;

namespace {

using Numbers = py::array_t<double, py::array::c_style | py::array::forcecast>;

constexpr std::string_view where = "data::Episode";

std::vector<Camera> cameras_from(const py::object& object) {
  if (py::isinstance<Camera>(object)) return {object.cast<Camera>()};
  std::vector<Camera> cameras;
  for (const py::handle camera : object) {
    check(py::isinstance<Camera>(camera), "data::EpisodeView", "cameras", "a Camera, or one for every frame",
          py::type::of(camera).attr("__name__").cast<std::string>());
    cameras.push_back(camera.cast<Camera>());
  }
  return cameras;
}

std::optional<Trajectory> trajectory_from(const py::object& object) {
  if (object.is_none()) return std::nullopt;
  const Numbers rows = Numbers::ensure(object);
  check(static_cast<bool>(rows), where, "actions", "numbers (T, 7)",
        py::type::of(object).attr("__name__").cast<std::string>());
  check_shape(rows.ndim() == 2 && rows.shape(1) == 7, where, "actions", "(T, 7)",
              std::vector<std::int64_t>(rows.shape(), rows.shape() + rows.ndim()));
  return trajectory_from_matrix(Eigen::Map<const ActionMatrix>(rows.data(), rows.shape(0), 7));
}

py::object array_from(const std::optional<Trajectory>& actions) {
  if (!actions) return py::none();
  const ActionMatrix rows = matrix_from_trajectory(*actions);
  return Numbers({rows.rows(), rows.cols()}, rows.data());
}

std::int64_t frames_of(const Episode& episode) {
  if (episode.actions) return std::ssize(*episode.actions);
  std::int64_t most = 0;
  for (const EpisodeView& view : episode.views) {
    const auto frames = view.pictures->frames();
    check(frames.has_value(), where, "frames", "a number, for neither the actions nor the pictures say it", "none");
    most = most == 0 ? *frames : std::min(most, *frames);
  }
  return most;
}

Episode make_episode(std::vector<EpisodeView> views, const py::object& texts, const py::object& actions,
                     double frame_rate, std::optional<std::int64_t> frames, std::string name, int interval) {
  Episode episode{.name = std::move(name),
                  .texts = {},
                  .frames = 0,
                  .frame_rate = frame_rate,
                  .views = std::move(views),
                  .actions = trajectory_from(actions),
                  .interval = interval};
  if (py::isinstance<py::str>(texts)) {
    episode.texts = {texts.cast<std::string>()};
  } else {
    episode.texts = texts.cast<std::vector<std::string>>();
  }
  {
    const py::gil_scoped_release without_python;
    episode.frames = frames ? *frames : frames_of(episode);
  }
  check_episode(episode, where);
  return episode;
}

void bind_episode(py::module_& module) {
  py::class_<FrameSource, std::shared_ptr<FrameSource>>(module, "FrameSource",
                                                        "Where the pictures of one view come from.")
      .def(
          "read",
          [](const FrameSource& self, const std::vector<std::int64_t>& frames, int height, int width) {
            VideoFrames read;
            {
              const py::gil_scoped_release without_python;
              read = self.read(frames, height, width);
            }
            return binding::array_from(std::move(read));
          },
          py::arg("frames"), py::arg("height"), py::arg("width"),
          "The frames of these numbers, cropped to the aspect ratio and resized: (n, height, width, 3) uint8.")
      .def_property_readonly("frames", &FrameSource::frames, "How many there are, or None if the source cannot say.");
  py::class_<EpisodeView>(module, "EpisodeView", "What one camera saw of an episode; see action_images.data.")
      .def(py::init([](const py::object& cameras, const py::object& pictures, std::string name) {
             return EpisodeView{std::move(name), cameras_from(cameras),
                                binding::frames_from(pictures, "data::EpisodeView")};
           }),
           py::arg("cameras"), py::arg("pictures"), py::kw_only(), py::arg("name") = "")
      .def_readonly("name", &EpisodeView::name)
      .def_readonly("cameras", &EpisodeView::cameras)
      .def_property_readonly(
          "pictures", [](const EpisodeView& self) { return std::const_pointer_cast<FrameSource>(self.pictures); });
  py::class_<Episode>(module, "Episode", "One demonstration; see action_images.data.")
      .def(py::init(&make_episode), py::arg("views"), py::kw_only(), py::arg("texts") = py::tuple(),
           py::arg("actions") = py::none(), py::arg("frame_rate") = 0.0, py::arg("frames") = py::none(),
           py::arg("name") = "", py::arg("interval") = 1)
      .def_readonly("name", &Episode::name)
      .def_readonly("interval", &Episode::interval)
      .def_readonly("texts", &Episode::texts)
      .def_readonly("frames", &Episode::frames)
      .def_readonly("frame_rate", &Episode::frame_rate)
      .def_readonly("views", &Episode::views)
      .def_property_readonly("actions", [](const Episode& self) { return array_from(self.actions); })
      .def("__repr__", [](const Episode& self) {
        return text_of("Episode(", self.name, ": ", self.frames, " frames, ", self.views.size(), " views",
                       self.actions ? "" : ", no actions", ")");
      });
}

std::int64_t wrapped(const EpisodeSource& source, std::int64_t index) {
  const std::int64_t size = source.size();
  if (index < -size || index >= size) throw py::index_error(text_of("episode ", index, " of ", size));
  return index < 0 ? index + size : index;
}

void bind_source(py::module_& module) {
  const py::call_guard<py::gil_scoped_release> released;
  py::class_<EpisodeSource, std::shared_ptr<EpisodeSource>>(module, "EpisodeSource", "A data set: episodes by number.")
      .def("__len__", &EpisodeSource::size, released)
      .def(
          "__getitem__",
          [](const EpisodeSource& self, std::int64_t index) {
            index = wrapped(self, index);
            const py::gil_scoped_release without_python;
            return self.episode(index);
          },
          py::arg("index"))
      .def_property_readonly("name", &EpisodeSource::name)
      .def_property_readonly("layout", &EpisodeSource::layout)
      .def_property_readonly("notices", &EpisodeSource::notices)
      .def("episode_name", &EpisodeSource::episode_name, py::arg("index"))
      .def("fingerprint", &EpisodeSource::fingerprint, released);
  module.def(
      "episode_source",
      [](const py::object& object) {
        return std::const_pointer_cast<EpisodeSource>(binding::source_from(object, "data::episode_source"));
      },
      py::arg("source"));
  module.def(
      "joined_episodes",
      [](const py::list& objects) {
        std::vector<std::shared_ptr<const EpisodeSource>> sources;
        for (const py::handle object : objects) {
          sources.push_back(binding::source_from(py::reinterpret_borrow<py::object>(object), "data::joined_episodes"));
        }
        return std::const_pointer_cast<EpisodeSource>(joined_episodes(std::move(sources)));
      },
      py::arg("sources"));
  module.def("episode_kinds", &episode_kinds);
  module.def(
      "add_episode_kind",
      [](const std::string& kind, const py::object& open) {
        const py::handle kept = open.inc_ref();  // for as long as the process lives
        add_episode_kind(kind, [kept](const std::string& path) {
          const py::gil_scoped_acquire with_python;
          return binding::source_from(kept(path), "data::add_episode_kind");
        });
      },
      py::arg("kind"), py::arg("open"));
  module.def(
      "video_frames",
      [](const std::filesystem::path& path, std::int64_t first) {
        return std::const_pointer_cast<FrameSource>(video_file_frames(path, first));
      },
      py::arg("path"), py::arg("first") = 0, "Frames of a video file, from `first` on.");
}

void write_native_of(const py::object& source, const std::filesystem::path& folder, WriteNativeOptions options,
                     const py::object& progress) {
  const auto episodes = binding::source_from(source, "data::write_native");
  binding::Callbacks callbacks;
  options.progress = [&](std::int64_t done, std::int64_t total) { return callbacks(progress, done, total); };
  try {
    const py::gil_scoped_release without_python;
    write_native(*episodes, folder, options);
  } catch (const Interrupted&) {
    callbacks.raise_again();
    throw;
  }
}

void bind_clip(py::module_& module) {
  py::class_<Clip>(module, "Clip", "Some frames of an episode, the same of all views.")
      .def_readonly("text", &Clip::text)
      .def_readonly("video", &Clip::video)
      .def_property_readonly("actions", [](const Clip& self) { return array_from(self.actions); })
      .def_readonly("rig", &Clip::rig)
      .def_readonly("source", &Clip::source)
      .def_readonly("episode", &Clip::episode)
      .def_readonly("layout", &Clip::layout)
      .def_readonly("start", &Clip::start)
      .def_readonly("interval", &Clip::interval)
      .def_readonly("views", &Clip::views);
  py::class_<WindowOptions>(module, "WindowOptions", "Which part of an episode becomes a clip; see action_images.data.")
      .def(py::init([](std::int64_t frames, std::pair<int, int> size, int views, int interval,
                       const std::tuple<double, double, double, double>& augmentation) {
             const auto [brightness, contrast, saturation, crop] = augmentation;
             const WindowOptions options{frames, size.first, size.second,
                                         views,  interval,   {brightness, contrast, saturation, crop}};
             check_window(options, "data::WindowOptions");
             return options;
           }),
           py::arg("frames"), py::arg("size"), py::arg("views"), py::arg("interval"), py::arg("augmentation"));
  module.def(
      "clip_seed",
      [](std::uint64_t seed, std::uint64_t index) {
        return RandomStream{seed, index}.bits();
      },
      py::arg("seed"), py::arg("index"));
  module.def("cut_clip", &cut_clip, py::arg("episode"), py::arg("options"), py::arg("seed"),
             py::call_guard<py::gil_scoped_release>(), "A clip of an episode; all draws follow from the seed.");
}

}  // namespace

void bind_data(py::module_& module) {
  bind_episode(module);
  bind_source(module);
  bind_clip(module);
  module.def(
      "write_native",
      [](const py::object& source, const std::filesystem::path& folder, double crf, bool lossless,
         std::pair<int, int> size, int threads, const py::object& progress) {
        write_native_of(source, folder, {crf, lossless, size.first, size.second, threads, {}}, progress);
      },
      py::arg("source"), py::arg("folder"), py::kw_only(), py::arg("crf"), py::arg("lossless"), py::arg("size"),
      py::arg("threads"), py::arg("progress"), "Writes a data set in the native layout; see action_images.data.");
}
