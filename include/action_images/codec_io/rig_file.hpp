// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <Eigen/Core>
#include <nlohmann/json.hpp>

#include <action_images/codec/rig.hpp>
#include <action_images/core/file.hpp>

namespace action_images {

namespace detail {

inline constexpr std::string_view rig_format = "action-images-rig";
inline constexpr std::uint64_t max_rig_bytes = 16 << 20;
inline constexpr std::size_t max_rig_views = 256;

/// A value of a JSON document and how to reach it, for messages: "rig.json: views[1].width".
struct JsonField {
  const nlohmann::json& value;
  std::string name;

  void check_that(bool condition, std::string_view expected) const {
    if (condition) return;
    constexpr std::size_t longest = 60;
    std::string got = value.dump();
    if (got.size() > longest) got = got.substr(0, longest) + "...";
    throw FormatError(expected_text("codec_io::load_rig", name, expected, got));
  }

  JsonField operator[](const std::string& key) const {
    check_that(value.is_object() && value.contains(key), text_of("an object with \"", key, '"'));
    return {value.at(key), text_of(name, name.ends_with(' ') ? "" : ".", key)};
  }

  JsonField operator[](std::size_t index) const { return {value.at(index), text_of(name, '[', index, ']')}; }
};

template <int Size>
Eigen::Matrix<double, Size, Size> matrix_from_json(const JsonField& field) {
  const auto is_row = [](const nlohmann::json& row) { return row.is_array() && row.size() == Size; };
  const std::string expected = text_of(Size, " rows of ", Size, " numbers");
  field.check_that(is_row(field.value) && std::all_of(field.value.begin(), field.value.end(), is_row), expected);
  Eigen::Matrix<double, Size, Size> matrix;
  for (int row = 0; row < Size; ++row) {
    for (int column = 0; column < Size; ++column) {
      const JsonField element = field[static_cast<std::size_t>(row)][static_cast<std::size_t>(column)];
      element.check_that(element.value.is_number(), "a number");
      matrix(row, column) = element.value.get<double>();
    }
  }
  return matrix;
}

inline int size_from_json(const JsonField& field) {
  const bool whole = field.value.is_number_integer();
  const double size = whole ? field.value.get<double>() : 0.0;
  field.check_that(whole && 1.0 <= size && size <= Camera::max_size, "a whole number in 1..16384");
  return field.value.get<int>();
}

inline Camera camera_from_json(const JsonField& view) {
  const Eigen::Matrix3d intrinsics = matrix_from_json<3>(view["intrinsics"]);
  const Eigen::Matrix4d world_from_camera = matrix_from_json<4>(view["world_from_camera"]);
  const int width = size_from_json(view["width"]);
  const int height = size_from_json(view["height"]);
  try {
    return {intrinsics, world_from_camera, width, height};
  } catch (const ValueError& error) {
    throw FormatError(text_of("[codec_io::load_rig] ", view.name, ": ", error.what()));
  }
}

template <typename Matrix>
nlohmann::ordered_json json_from_matrix(const Matrix& matrix) {
  auto rows = nlohmann::ordered_json::array();
  for (Eigen::Index row = 0; row < matrix.rows(); ++row) {
    auto values = nlohmann::ordered_json::array();
    for (Eigen::Index column = 0; column < matrix.cols(); ++column) values.push_back(matrix(row, column));
    rows.push_back(values);
  }
  return rows;
}

inline nlohmann::json parse_json(const std::filesystem::path& path, std::string_view where) {
  const std::string text = read_file(path, max_rig_bytes, where);
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    throw FormatError(expected_text(where, path.string(), "JSON", error.what()));
  }
}

}  // namespace detail

/// Rig of a document {"format": "action-images-rig", "version": 1, "views": [{"width", "height", "intrinsics" (3x3),
/// "world_from_camera" (4x4)}, ...]}; "format" and "version" may be absent, names of views are not kept.
/// @param name  of the document, for messages.
/// @throws FormatError naming the field that is missing or out of range.
inline Rig rig_from_json(const nlohmann::json& document, const std::string& name = "rig") {
  const detail::JsonField root{document, name + ": "};
  if (document.is_object() && document.contains("format")) {
    root["format"].check_that(document["format"] == detail::rig_format, "\"action-images-rig\"");
  }
  if (document.is_object() && document.contains("version")) {
    root["version"].check_that(document["version"] == 1, "1");
  }
  const detail::JsonField views = root["views"];
  const bool sized = views.value.is_array() && !views.value.empty() && views.value.size() <= detail::max_rig_views;
  views.check_that(sized, text_of("an array of 1..", detail::max_rig_views, " views"));
  std::vector<Camera> cameras;
  for (std::size_t view = 0; view < views.value.size(); ++view)
    cameras.push_back(detail::camera_from_json(views[view]));
  const bool equal = std::all_of(cameras.begin(), cameras.end(), [&](const Camera& camera) {
    return camera.width() == cameras[0].width() && camera.height() == cameras[0].height();
  });
  views.check_that(equal, "views of equal width and height");
  return Rig(std::move(cameras));
}

/// The document that `rig_from_json` reads; views are named view_0, view_1, ...
inline nlohmann::ordered_json json_from_rig(const Rig& rig) {
  nlohmann::ordered_json document{{"format", detail::rig_format}, {"version", 1}};
  auto views = nlohmann::ordered_json::array();
  for (const Camera& camera : rig) {
    views.push_back({{"name", text_of("view_", views.size())},
                     {"width", camera.width()},
                     {"height", camera.height()},
                     {"intrinsics", detail::json_from_matrix(camera.intrinsics())},
                     {"world_from_camera", detail::json_from_matrix(camera.world_from_camera().matrix())}});
  }
  document["views"] = views;
  return document;
}

/// Reads a rig file (at most 16 MiB); see `rig_from_json`.
/// @throws FormatError naming the file, and the line (JSON) or the field.
inline Rig load_rig(const std::filesystem::path& path) {
  return rig_from_json(detail::parse_json(path, "codec_io::load_rig"), path.string());
}

/// Writes a rig file; all numbers are kept exactly.
/// @throws FormatError if it cannot be written.
inline void save_rig(const Rig& rig, const std::filesystem::path& path) {
  write_file(path, json_from_rig(rig).dump(1) + "\n", "codec_io::save_rig");
}

}  // namespace action_images
