// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <Eigen/Core>
#include <nlohmann/json.hpp>

#include <action_images/codec/axes.hpp>
#include <action_images/codec/rig.hpp>
#include <action_images/codec_io/json_file.hpp>
#include <action_images/codec_io/rig_views.hpp>

namespace action_images {

namespace detail {

inline constexpr std::string_view rig_format = "action-images-rig";

inline Distortion distortion_from_json(const JsonField& view) {
  const bool given = view.has("distortion");
  const std::string lens = view.has("lens") ? string_from_json(view["lens"]) : given ? "brown_conrady" : "none";
  std::vector<double> coefficients;
  if (given) {
    const JsonField field = view["distortion"];
    field.check_that(field.value.is_array() && field.value.size() <= 8, "at most 8 numbers");
    for (std::size_t i = 0; i < field.value.size(); ++i) {
      field[i].check_that(field.value[i].is_number(), "a number");
      coefficients.push_back(field.value[i].get<double>());
    }
  }
  return view.reading([&] { return Distortion(lens_model_from_name(lens), coefficients); });
}

/// True for an array of matrices, false for a matrix.
inline bool is_list_of_matrices(const nlohmann::json& value) {
  return value.is_array() && !value.empty() && value[0].is_array() && !value[0].empty() && value[0][0].is_array();
}

/// Cameras of a view of rig.json: one, or one of every pose.
inline std::vector<Camera> cameras_from_json(const JsonField& view) {
  const std::string axes_name = view.has("axes") ? string_from_json(view["axes"]) : "opencv";
  const CameraAxes axes = view.reading([&] { return camera_axes_from_name(axes_name); });
  const int width = size_from_json(view["width"]);
  const int height = size_from_json(view["height"]);
  const Distortion distortion = distortion_from_json(view);
  const JsonField intrinsics = view["intrinsics"];
  const auto camera = [&](const JsonField& matrix, const JsonField& pose) {
    const Eigen::Matrix3d k = matrix_from_json<3>(matrix);
    const Eigen::Matrix4d world_from_camera = pose_from_axes(matrix_from_json<4>(pose), axes);
    const JsonField& blamed = view.has("poses") ? pose : view;
    return blamed.reading([&] { return Camera(k, world_from_camera, width, height, distortion); });
  };
  if (!view.has("poses")) return {camera(intrinsics, view["world_from_camera"])};
  const JsonField poses = view["poses"];
  view.check_that(!view.has("world_from_camera"), "one of \"world_from_camera\" and \"poses\"");
  const bool sized = poses.value.is_array() && !poses.value.empty() && poses.value.size() <= max_rig_cameras;
  poses.check_that(sized, text_of("an array of 1..", max_rig_cameras, " poses"));
  const bool changing = is_list_of_matrices(intrinsics.value);
  if (changing) intrinsics.check_that(intrinsics.value.size() == poses.value.size(), "as many matrices as poses");
  std::vector<Camera> cameras;
  for (std::size_t t = 0; t < poses.value.size(); ++t) {
    cameras.push_back(camera(changing ? intrinsics[t] : intrinsics, poses[t]));
  }
  return cameras;
}

inline void check_options_size(const Rig& rig, const RigFileOptions& options, std::string_view where) {
  const bool equal =
      (options.width == 0 || options.width == rig.width()) && (options.height == 0 || options.height == rig.height());
  check(equal, where, "width, height", text_of("the file's ", rig.width(), ", ", rig.height()),
        text_of(options.width, ", ", options.height));
}

inline nlohmann::ordered_json json_from_view(const Rig& rig, std::size_t view, bool moves) {
  const Camera& first = rig[view];
  nlohmann::ordered_json json{{"name", rig.names()[view]}, {"width", first.width()}, {"height", first.height()}};
  if (!first.distortion().is_none()) {
    json["lens"] = name_of(first.distortion().model());
    json["distortion"] = first.distortion().coefficients();
  }
  json["intrinsics"] = json_from_matrix(first.intrinsics());
  if (!moves) {
    json["world_from_camera"] = json_from_matrix(first.world_from_camera().matrix());
    return json;
  }
  auto intrinsics = nlohmann::ordered_json::array();
  auto poses = nlohmann::ordered_json::array();
  bool changing = false;
  for (std::size_t t = 0; t < rig.frames(); ++t) {
    const Camera& camera = rig.camera(view, t);
    const bool same_lens = camera.distortion().model() == first.distortion().model() &&
                           camera.distortion().coefficients() == first.distortion().coefficients();
    check(same_lens, "codec_io::save_rig", text_of("rig[", view, ']'), "one lens in all frames", "another one");
    changing = changing || camera.intrinsics() != first.intrinsics();
    intrinsics.push_back(json_from_matrix(camera.intrinsics()));
    poses.push_back(json_from_matrix(camera.world_from_camera().matrix()));
  }
  if (changing) json["intrinsics"] = std::move(intrinsics);
  json["poses"] = std::move(poses);
  return json;
}

inline bool view_moves(const Rig& rig, std::size_t view) {
  for (std::size_t t = 1; t < rig.frames(); ++t) {
    if (!same_camera(rig.camera(view, t), rig[view])) return true;
  }
  return false;
}

}  // namespace detail

/// Rig of a document as docs/formats.md describes it, version 1 or 2: views with "width", "height", "intrinsics" (3x3),
/// "world_from_camera" (4x4) or "poses" (T of them, then "intrinsics" may be T matrices too), and, if they are there,
/// "name", "axes", "lens" and "distortion". "format" and "version" may be absent.
/// @param name  of the document, for messages.
/// @throws FormatError naming the field that is missing or out of range; ValueError if the options do not fit the file.
inline Rig rig_from_json(const nlohmann::json& document, const std::string& name = "rig",
                         const RigFileOptions& options = {}) {
  constexpr std::string_view where = "codec_io::load_rig";
  const detail::JsonField root{document, name + ": ", where};
  if (root.has("format")) root["format"].check_that(document["format"] == detail::rig_format, "\"action-images-rig\"");
  if (root.has("version")) {
    const nlohmann::json& given = document["version"];
    root["version"].check_that(given == 1 || given == 2, "1 or 2");
  }
  const detail::JsonField fields = root["views"];
  const bool sized = fields.value.is_array() && !fields.value.empty() && fields.value.size() <= detail::max_rig_views;
  fields.check_that(sized, text_of("an array of 1..", detail::max_rig_views, " views"));
  std::vector<detail::NamedView> views;
  for (std::size_t view = 0; view < fields.value.size(); ++view) {
    const detail::JsonField field = fields[view];
    std::string view_name = field.has("name") ? detail::string_from_json(field["name"]) : text_of("view_", view);
    views.push_back({std::move(view_name), detail::cameras_from_json(field)});
    const Camera& camera = views.back().cameras[0];
    const Camera& first = views[0].cameras[0];
    fields.check_that(camera.width() == first.width() && camera.height() == first.height(),
                      "views of equal width and height");
  }
  const Rig rig = detail::rig_from_views(std::move(views), options, where, fields.name);
  detail::check_options_size(rig, options, where);
  return rig;
}

/// The document that `rig_from_json` reads, version 2.
/// @throws ValueError if the lens of a view changes between frames.
inline nlohmann::ordered_json json_from_rig(const Rig& rig) {
  std::vector<bool> moves(rig.size());
  for (std::size_t view = 0; view < rig.size(); ++view) moves[view] = detail::view_moves(rig, view);
  const bool all_stand = std::find(moves.begin(), moves.end(), true) == moves.end();
  if (rig.is_moving() && all_stand) moves[0] = true;  // so that the number of frames is kept
  nlohmann::ordered_json document{{"format", detail::rig_format}, {"version", 2}};
  auto views = nlohmann::ordered_json::array();
  for (std::size_t view = 0; view < rig.size(); ++view) views.push_back(detail::json_from_view(rig, view, moves[view]));
  document["views"] = std::move(views);
  return document;
}

}  // namespace action_images
