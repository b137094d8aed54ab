// SPDX-License-Identifier: Apache-2.0
// Clips of mixtures for python/action_images/data, and what a data set holds.
#include <torch/csrc/utils/pybind.h>

#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <memory>
#include <utility>

#include <action_images/core/interrupted.hpp>
#include <action_images/data/check_source.hpp>
#include <action_images/data/clip_loader.hpp>
#include <action_images/data/clip_sampler.hpp>

#include "callbacks.hpp"
#include "episodes.hpp"

namespace py = pybind11;
using namespace action_images;

namespace {

py::dict dict_from(const BadEpisode& bad) {
  return py::dict(py::arg("name") = bad.name, py::arg("reason") = bad.reason, py::arg("rejected") = bad.rejected);
}

// What Python's listener raises does not stop the threads that read.
std::function<void(const BadEpisode&)> listener_from(const py::object& listener) {
  if (listener.is_none()) return {};
  const auto shared = std::shared_ptr<py::object>(new py::object(listener), [](py::object* object) {
    const py::gil_scoped_acquire with_python;
    delete object;
  });
  return [shared](const BadEpisode& bad) {
    const py::gil_scoped_acquire with_python;
    try {
      (*shared)(dict_from(bad));
    } catch (py::error_already_set& error) {
      error.discard_as_unraisable("action_images.data: on_bad");
    }
  };
}

py::dict report_of(const ClipSampler& sampler) {
  const ClipSamplerReport report = sampler.report();
  return py::dict(py::arg("draws") = report.draws, py::arg("bad") = report.bad, py::arg("rejected") = report.rejected,
                  py::arg("reasons") = report.reasons);
}

bool goes_on() {
  const py::gil_scoped_acquire with_python;
  return PyErr_CheckSignals() == 0;
}

std::optional<Clip> next_clip(ClipLoader& loader) {
  try {
    const py::gil_scoped_release without_python;
    return loader.next(goes_on);
  } catch (const Interrupted&) {
    if (PyErr_Occurred() != nullptr) throw py::error_already_set();
    throw;
  }
}

// The loader's threads may be in Python, so they are waited for without the GIL.
void close(ClipLoader* loader) {
  const py::gil_scoped_release without_python;
  delete loader;
}

py::dict checked(const py::object& object, bool read_pictures, int threads, const py::object& progress) {
  const auto source = binding::source_from(object, "data::check_source");
  CheckOptions options{.read_pictures = read_pictures, .threads = threads, .progress = {}};
  binding::Callbacks callbacks;
  options.progress = [&](std::int64_t done, std::int64_t total) { return callbacks(progress, done, total); };
  SourceReport report;
  try {
    const py::gil_scoped_release without_python;
    report = check_source(*source, options);
  } catch (const Interrupted&) {
    callbacks.raise_again();
    throw;
  }
  py::list bad;
  for (const BadEpisode& episode : report.bad) bad.append(dict_from(episode));
  return py::dict(py::arg("name") = source->name(), py::arg("notices") = source->notices(),
                  py::arg("episodes") = report.episodes, py::arg("bad") = bad, py::arg("frames") = report.frames,
                  py::arg("seconds") = report.seconds, py::arg("shortest") = report.shortest,
                  py::arg("longest") = report.longest, py::arg("with_actions") = report.with_actions,
                  py::arg("with_texts") = report.with_texts, py::arg("moving_cameras") = report.moving_cameras,
                  py::arg("view_sizes") = report.view_sizes, py::arg("view_counts") = report.view_counts,
                  py::arg("openness") = report.openness, py::arg("seen") = report.seen,
                  py::arg("unseen") = report.unseen);
}

}  // namespace

void bind_clip_sampler(py::module_& module) {
  const py::call_guard<py::gil_scoped_release> released;
  py::class_<ClipSampler, std::shared_ptr<ClipSampler>>(module, "ClipSampler",
                                                        "Clips of a mixture; see action_images.data.")
      .def(py::init([](const py::object& mixture, const std::string& root, const WindowOptions& window,
                       std::uint64_t seed, double max_bad_share, const py::object& on_bad) {
             ClipSamplerOptions options{window, seed, max_bad_share, listener_from(on_bad)};
             auto sources = binding::mixture_from(mixture, "data::ClipSampler", root);
             return std::make_shared<ClipSampler>(std::move(sources), std::move(options));
           }),
           py::arg("mixture"), py::arg("root"), py::arg("window"), py::arg("seed"), py::arg("max_bad_share"),
           py::arg("on_bad"))
      .def("clip", &ClipSampler::clip, py::arg("index"), released)
      .def("report", &report_of)
      .def("episodes", &ClipSampler::episodes, released)
      .def("fingerprint", &ClipSampler::fingerprint, released);
  struct Closing {
    void operator()(ClipLoader* loader) const { close(loader); }
  };
  py::class_<ClipLoader, std::unique_ptr<ClipLoader, Closing>>(module, "ClipLoader",
                                                               "Clips made in advance; see action_images.data.")
      .def(py::init([](const std::shared_ptr<ClipSampler>& sampler, std::vector<std::int64_t> indices, int threads,
                       int max_clips, std::int64_t max_bytes, bool pin_memory) {
             const LoaderOptions options{threads, std::ssize(indices), max_clips, max_bytes, pin_memory};
             const auto index_of = [indices = std::move(indices)](std::int64_t i) {
               return indices[static_cast<std::size_t>(i)];
             };
             return std::unique_ptr<ClipLoader, Closing>(new ClipLoader(sampler, index_of, options));
           }),
           py::arg("sampler"), py::arg("indices"), py::arg("threads"), py::arg("max_clips"), py::arg("max_bytes"),
           py::arg("pin_memory"))
      .def("next", &next_clip)
      .def("wait_seconds", &ClipLoader::wait_seconds, released);
  module.def("check_source", &checked, py::arg("source"), py::arg("read_pictures"), py::arg("threads"),
             py::arg("progress"));
}
