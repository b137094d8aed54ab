// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <action_images/codec/rig.hpp>
#include <action_images/codec_io/json_file.hpp>
#include <action_images/codec_io/rig_views.hpp>

/// Calibration files of the datasets that Action Images was released with. Poses are camera-to-world in OpenCV's axes,
/// focal lengths may be negative, and neither kind of file says how large the pictures are.

namespace action_images {

namespace detail {

inline void check_given_size(const RigFileOptions& options, std::string_view where) {
  check(options.width > 0 && options.height > 0, where, "width, height",
        "the size of the pictures in px, which the file does not say", text_of(options.width, ", ", options.height));
}

/// Camera of {"intrinsics": 3x3, "extrinsics": 4x4 camera-to-world}.
inline Camera camera_from_extrinsics(const JsonField& field, const RigFileOptions& options) {
  const Eigen::Matrix3d intrinsics = matrix_from_json<3>(field["intrinsics"]);
  const Eigen::Matrix4d world_from_camera = matrix_from_json<4>(field["extrinsics"]);
  return field.reading([&] { return Camera(intrinsics, world_from_camera, options.width, options.height); });
}

/// Number of a key such as "0012"; -1 if it is none.
inline long frame_of_key(const std::string& key) {
  long frame = -1;
  const char* const end = key.data() + key.size();
  const auto [rest, error] = std::from_chars(key.data(), end, frame);
  return error == std::errc() && rest == end && key[0] != '-' ? frame : -1;
}

inline nlohmann::ordered_json json_from_extrinsics(const Camera& camera, std::string_view where) {
  check(camera.distortion().is_none(), where, "rig", "pinhole cameras, for the file has no place for a lens",
        text_of("a ", name_of(camera.distortion().model()), " lens"));
  return {{"intrinsics", json_from_matrix(camera.intrinsics())},
          {"extrinsics", json_from_matrix(camera.world_from_camera().matrix())}};
}

/// An object with one line for each entry.
inline std::string text_from_object(const nlohmann::ordered_json& object) {
  std::string text;
  for (const auto& [key, value] : object.items()) {
    text += (text.empty() ? "{" : ",\n ") + nlohmann::json(key).dump() + ": " + value.dump();
  }
  return text + "}\n";
}

}  // namespace detail

/// Cameras of one view of RLBench, by frame: {"0000": {"intrinsics": 3x3, "extrinsics": 4x4 camera-to-world}, ...},
/// keys in the order of their numbers. One camera if all entries are equal.
/// @param options  width and height of the pictures.   @param name  of the document, for messages.
/// @throws FormatError naming the field; ValueError without a size.
inline std::vector<Camera> cameras_from_camera_params(const nlohmann::json& document, const RigFileOptions& options,
                                                      const std::string& name = "camera_params") {
  constexpr std::string_view where = "codec_io::load_camera_params";
  detail::check_given_size(options, where);
  const detail::JsonField root{document, name + ": ", where};
  const bool sized = document.is_object() && !document.empty() && document.size() <= detail::max_rig_cameras;
  root.check_that(sized, text_of("an object with 1..", detail::max_rig_cameras, " frames"));
  std::vector<std::pair<long, std::string>> frames;
  for (const auto& [key, value] : document.items()) {
    frames.emplace_back(detail::frame_of_key(key), key);
    if (frames.back().first < 0) root[key].check_that(false, "keys that are the numbers of frames, such as \"0012\"");
  }
  std::sort(frames.begin(), frames.end());
  std::vector<Camera> cameras;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const detail::JsonField field = root[frames[i].second];
    field.check_that(i == 0 || frames[i].first != frames[i - 1].first, "one entry for every frame");
    cameras.push_back(detail::camera_from_extrinsics(field, options));
  }
  const bool stands = std::all_of(cameras.begin(), cameras.end(),
                                  [&](const Camera& camera) { return detail::same_camera(camera, cameras[0]); });
  if (stands) cameras.resize(1, Camera(cameras[0]));
  return cameras;
}

/// Rig of RLBench's `camera_params.json`, one file for each view, which is named after the file's folder. Views that
/// move get `options.frames` cameras, or as many as the longest has; past its end a view keeps its last one.
/// @throws FormatError naming the file and the field; ValueError without the size of the pictures.
inline Rig load_camera_params(const std::vector<std::filesystem::path>& paths, const RigFileOptions& options) {
  constexpr std::string_view where = "codec_io::load_camera_params";
  check(!paths.empty() && paths.size() <= detail::max_rig_views, where, "paths",
        text_of("1..", detail::max_rig_views, " files, one for each view"), paths.size());
  std::vector<detail::NamedView> views;
  std::size_t frames = 1;
  for (const auto& path : paths) {
    const auto document = detail::read_json(path, where);
    views.push_back(
        {path.parent_path().filename().string(), cameras_from_camera_params(document, options, path.string())});
    frames = std::max(frames, views.back().cameras.size());
  }
  RigFileOptions taken = options;
  if (taken.frames == 0) taken.frames = frames;
  return detail::rig_from_views(std::move(views), taken, where, "paths");
}

/// Rig of DROID's `camera.json`: {"<view>": {"intrinsics": 3x3, "extrinsics": 4x4 camera-to-world}, ...}, views in the
/// order of their names, or as `options.views` says.
/// @throws FormatError naming the field; ValueError without the size of the pictures, or for a view that is not there.
inline Rig rig_from_droid_json(const nlohmann::json& document, const RigFileOptions& options,
                               const std::string& name = "camera") {
  constexpr std::string_view where = "codec_io::load_droid_cameras";
  detail::check_given_size(options, where);
  const detail::JsonField root{document, name + ": ", where};
  const bool sized = document.is_object() && !document.empty() && document.size() <= detail::max_rig_views;
  root.check_that(sized, text_of("an object with 1..", detail::max_rig_views, " views"));
  std::vector<detail::NamedView> views;
  for (const auto& [key, value] : document.items()) {
    views.push_back({key, {detail::camera_from_extrinsics(root[key], options)}});
  }
  return detail::rig_from_views(std::move(views), options, where, name);
}

/// `rig_from_droid_json` of a file.
inline Rig load_droid_cameras(const std::filesystem::path& path, const RigFileOptions& options) {
  return rig_from_droid_json(detail::read_json(path, "codec_io::load_droid_cameras"), options, path.string());
}

/// Writes RLBench's `camera_params.json`, one file for each view; all numbers are kept exactly.
/// @throws ShapeError unless there is a path for every view; ValueError for lenses with distortion.
inline void save_camera_params(const Rig& rig, const std::vector<std::filesystem::path>& paths) {
  constexpr std::string_view where = "codec_io::save_camera_params";
  check_shape(paths.size() == rig.size(), where, "paths", text_of('(', rig.size(), ",)"), {std::ssize(paths)});
  for (std::size_t view = 0; view < rig.size(); ++view) {
    std::string text;
    for (std::size_t t = 0; t < rig.frames(); ++t) {
      const std::string number = std::to_string(t);
      text += text.empty() ? "{\"" : ",\n \"";
      text += std::string(4 - std::min<std::size_t>(number.size(), 4), '0') + number + "\": ";
      text += detail::json_from_extrinsics(rig.camera(view, t), where).dump();
    }
    write_file(paths[view], text + "}\n", where);
  }
}

/// Writes DROID's `camera.json` under the names of the views; all numbers are kept exactly.
/// @throws ValueError for cameras that move, lenses with distortion, or two views of one name.
inline void save_droid_cameras(const Rig& rig, const std::filesystem::path& path) {
  constexpr std::string_view where = "codec_io::save_droid_cameras";
  check(!rig.is_moving(), where, "rig", "cameras that stand still", text_of("cameras of ", rig.frames(), " frames"));
  const std::vector<std::string> names = rig.names();
  nlohmann::ordered_json views;
  for (std::size_t view = 0; view < rig.size(); ++view) {
    check(!views.contains(names[view]), where, "rig.names", "a name of its own for every view", names[view]);
    views[names[view]] = detail::json_from_extrinsics(rig[view], where);
  }
  write_file(path, detail::text_from_object(views), where);
}

}  // namespace action_images
