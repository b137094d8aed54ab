// SPDX-License-Identifier: Apache-2.0
// Cameras of pictures: options in, a dict of a Rig and tensors out. Rigs and cameras are those of `_codec`.
#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <action_images/core/interrupted.hpp>
#include <action_images/tensor/crop_resize.hpp>
#include <action_images/vggt/estimate_cameras.hpp>

#include "network.hpp"

#include <pybind11/stl/filesystem.h>

#include "callbacks.hpp"

namespace py = pybind11;
using namespace action_images;

namespace {

constexpr const char* estimate_doc = R"(Cameras and points of pictures, each (H, W, 3 or 4) uint8.

weights: a VGGT, or the path of its weights; config, dtype, device: of those that are loaded. cache: folder, for weights on
disk. progress: called with ("weights" or "network", done, all). action_images.model.estimate_scene documents the rest.

A dict of cameras (list, in the pictures' own pixels), rig, points (N, 3), colors (N, 3) uint8, confidence (N,), depth and
depth_confidence (S, H, W), placements, and quality and warnings as JSON.)";

py::dict dict_from(const SceneEstimate& estimate) {
  std::vector<std::array<double, 4>> placements;
  for (const auto& [scale_x, scale_y, offset_x, offset_y] : estimate.placements) {
    placements.push_back({scale_x, scale_y, offset_x, offset_y});
  }
  py::dict result;
  result["cameras"] = estimate.cameras;
  result["rig"] = estimate.rig;
  result["points"] = estimate.points;
  result["colors"] = estimate.colors;
  result["confidence"] = estimate.confidence;
  result["depth"] = estimate.depth;
  result["depth_confidence"] = estimate.depth_confidence;
  result["placements"] = placements;
  result["quality"] = json_from(estimate.quality).dump();
  return result;
}

using Weights = std::variant<const Vggt*, std::filesystem::path>;

SceneEstimate estimate(const Weights& weights, const std::vector<at::Tensor>& pictures, const EstimateOptions& options,
                       const VggtLoadOptions& loading) {
  if (const auto* network = std::get_if<const Vggt*>(&weights)) return estimate_cameras(**network, pictures, options);
  return estimate_cameras(std::get<std::filesystem::path>(weights), pictures, options, loading);
}

py::dict estimate_scene(const Weights& weights, const std::vector<at::Tensor>& pictures, EstimateOptions options,
                        VggtLoadOptions loading, const py::object& progress) {
  binding::Callbacks callbacks;
  std::vector<std::string> notices;
  options.notice = [&](const std::string& text) { notices.push_back(text); };
  options.progress = [&](std::int64_t done, std::int64_t total) { return callbacks(progress, "network", done, total); };
  loading.progress = [&](const LoadProgress& now) { return callbacks(progress, "weights", now.done, now.total); };
  std::optional<SceneEstimate> made;
  {
    const py::gil_scoped_release without_python;
    try {
      made = estimate(weights, pictures, options, loading);
    } catch (const Interrupted&) {
      if (!callbacks.raised()) throw;
    }
  }
  callbacks.raise_again();
  for (const std::string& notice : notices) {
    if (PyErr_WarnEx(PyExc_RuntimeWarning, notice.c_str(), 2) != 0) throw py::error_already_set();
  }
  return dict_from(*made);
}

VggtLoadOptions load_options(const std::optional<py::dict>& config, const py::object& dtype, const py::object& device) {
  VggtLoadOptions options;
  if (config) options.config = vggt_config(binding::json_from(*config));
  if (!dtype.is_none()) options.dtype = binding::dtype_from(dtype);
  if (!device.is_none()) options.device = device.cast<at::Device>();
  return options;
}

}  // namespace

void bind_cameras(py::module_& module) {
  module.def(
      "estimate_scene",
      [](const Weights& weights, const std::vector<at::Tensor>& pictures, const std::string& sizing, double percentile,
         double min_confidence, double pixel_offset, std::int64_t chunk,
         const std::optional<std::filesystem::path>& cache, const std::optional<py::dict>& config,
         const py::object& dtype, const py::object& device, const py::object& progress) {
        return estimate_scene(weights, pictures,
                              {.sizing = vggt_sizing(sizing),
                               .percentile = percentile,
                               .min_confidence = min_confidence,
                               .pixel_offset = pixel_offset,
                               .chunk = chunk,
                               .cache = cache.value_or(std::filesystem::path())},
                              load_options(config, dtype, device), progress);
      },
      py::arg("weights"), py::arg("pictures"), py::kw_only(), py::arg("sizing") = "crop", py::arg("percentile") = 50.0,
      py::arg("min_confidence") = 0.0, py::arg("pixel_offset") = 0.5, py::arg("chunk") = 8,
      py::arg("cache") = py::none(), py::arg("config") = py::none(), py::arg("dtype") = py::none(),
      py::arg("device") = py::none(), py::arg("progress") = py::none(), estimate_doc);
  module.def("common_pictures", &common_pictures, py::arg("pictures"), py::call_guard<py::gil_scoped_release>(),
             "The pictures (S, H, W, 3) uint8 that the rig of estimate_scene is for.");
  module.def("center_crop_resize", &center_crop_resize, py::arg("pictures"), py::arg("height"), py::arg("width"),
             py::call_guard<py::gil_scoped_release>(),
             "Pictures (V, T, H, W, 3) uint8 cropped and resized as Camera.center_crop_resize puts them.");
  module.def(
      "load_vggt",
      [](const std::filesystem::path& path, const std::optional<py::dict>& config, const py::object& dtype,
         const py::object& device) {
        const VggtLoadOptions options = load_options(config, dtype, device);
        const py::gil_scoped_release without_python;
        return std::make_unique<Vggt>(load_vggt(path, options));
      },
      py::arg("path"), py::kw_only(), py::arg("config") = py::none(), py::arg("dtype") = py::none(),
      py::arg("device") = py::none(),
      "The VGGT of published weights, which stay on disk, mapped, where they keep their dtype. dtype: of all but the "
      "heads.");
}
