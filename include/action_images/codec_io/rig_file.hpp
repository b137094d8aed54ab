// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <action_images/codec/rig.hpp>
#include <action_images/codec_io/camera_params.hpp>
#include <action_images/codec_io/json_file.hpp>
#include <action_images/codec_io/rig_json.hpp>
#include <action_images/codec_io/rig_views.hpp>

namespace action_images {

namespace detail {

inline bool is_camera_params(const nlohmann::json& document) {
  const auto items = document.items();
  return document.is_object() && !document.empty() &&
         std::all_of(items.begin(), items.end(), [](const auto& item) { return frame_of_key(item.key()) >= 0; });
}

inline bool is_droid_cameras(const nlohmann::json& document) {
  return document.is_object() && !document.empty() &&
         std::all_of(document.begin(), document.end(), [](const nlohmann::json& view) {
           return view.is_object() && view.contains("extrinsics") && view.contains("intrinsics");
         });
}

/// The cameras of any of the documents; `path` names them in messages, and its folder the view of camera_params.json.
inline Rig rig_from_any_json(const nlohmann::json& document, const std::filesystem::path& path,
                             const RigFileOptions& options) {
  constexpr std::string_view where = "codec_io::load_rig";
  if (is_camera_params(document)) {
    NamedView view{path.parent_path().filename().string(),
                   cameras_from_camera_params(document, options, path.string())};
    return rig_from_views({std::move(view)}, options, where, path.string());
  }
  if (is_droid_cameras(document)) return rig_from_droid_json(document, options, path.string());
  return rig_from_json(document, path.string(), options);
}

/// rig.json with a line for every field, and for every pose of a camera that moves.
inline std::string text_from_rig_json(const nlohmann::ordered_json& document) {
  std::string text = text_of("{\"format\": ", document["format"].dump(), ", \"version\": ", document["version"].dump(),
                             ", \"views\": [");
  std::string before_view = "\n {";
  for (const auto& view : document["views"]) {
    std::string before_field = before_view;
    for (const auto& [key, value] : view.items()) {
      text += before_field + '"' + key + "\": ";
      before_field = ",\n  ";
      if (!is_list_of_matrices(value)) {
        text += value.dump();
        continue;
      }
      std::string before_matrix = "[\n   ";
      for (const auto& matrix : value) {
        text += before_matrix + matrix.dump();
        before_matrix = ",\n   ";
      }
      text += "]";
    }
    text += "}";
    before_view = ",\n {";
  }
  return text + "\n]}\n";
}

}  // namespace detail

/// Rig of the text of a calibration file: rig.json, RLBench's camera_params.json of one view, or DROID's camera.json,
/// told apart by what they hold. The last two need the size of the pictures in `options`.
/// @param name  of the file, for messages.
/// @throws FormatError naming the line (JSON) or the field; ValueError if the options do not fit the file.
inline Rig rig_from_text(std::string_view text, const std::string& name = "rig", const RigFileOptions& options = {}) {
  return detail::rig_from_any_json(detail::parse_json(text, name, "codec_io::load_rig"), name, options);
}

/// Reads a calibration file (at most 16 MiB); see `rig_from_text` and docs/formats.md.
/// @throws FormatError naming the file, and the line (JSON) or the field.
inline Rig load_rig(const std::filesystem::path& path, const RigFileOptions& options = {}) {
  return detail::rig_from_any_json(detail::read_json(path, "codec_io::load_rig"), path, options);
}

/// The text of rig.json, version 2; all numbers are kept exactly.
/// @throws ValueError if the lens of a view changes between frames, a name is no UTF-8, or the text exceeds 16 MiB.
inline std::string text_from_rig(const Rig& rig) {
  constexpr std::string_view where = "codec_io::save_rig";
  std::string text;
  try {
    text = detail::text_from_rig_json(json_from_rig(rig));
  } catch (const nlohmann::json::exception& error) {
    throw ValueError(expected_text(where, "rig.names", "UTF-8", printable(error.what(), 200)));
  }
  check(text.size() <= detail::max_rig_bytes, where, "rig",
        text_of("a file of at most ", detail::max_rig_bytes, " bytes"), text.size());
  return text;
}

/// Writes rig.json; see `text_from_rig`.
/// @throws FormatError if it cannot be written.
inline void save_rig(const Rig& rig, const std::filesystem::path& path) {
  write_file(path, text_from_rig(rig), "codec_io::save_rig");
}

}  // namespace action_images
