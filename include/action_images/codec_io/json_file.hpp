// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include <Eigen/Core>
#include <nlohmann/json.hpp>

#include <action_images/codec/camera.hpp>
#include <action_images/core/check.hpp>
#include <action_images/core/file.hpp>

/// Reading of calibration files: JSON documents of bounded size and depth, and errors that name the field.

namespace action_images::detail {

inline constexpr std::uint64_t max_rig_bytes = 16 << 20;
inline constexpr int max_json_depth = 12;

/// A value of a JSON document and how to reach it, for messages: "rig.json: views[1].width".
struct JsonField {
  const nlohmann::json& value;
  std::string name;
  std::string_view where;  ///< the function that reads

  void check_that(bool condition, std::string_view expected) const {
    if (!condition) throw FormatError(expected_text(where, name, expected, brief()));
  }

  bool has(const std::string& key) const { return value.is_object() && value.contains(key); }

  JsonField operator[](const std::string& key) const {
    check_that(has(key), text_of("an object with \"", key, '"'));
    return {value.at(key), text_of(name, name.ends_with(' ') ? "" : ".", printable(key)), where};
  }

  JsonField operator[](std::size_t index) const { return {value.at(index), text_of(name, '[', index, ']'), where}; }

  /// What `read` makes of the field; its ValueErrors become FormatErrors that name the field.
  template <typename Read>
  auto reading(const Read& read) const {
    try {
      return read();
    } catch (const FormatError&) {
      throw;
    } catch (const ValueError& error) {
      throw FormatError(text_of('[', where, "] ", name, ": ", error.what()));
    }
  }

 private:
  std::string brief() const {
    constexpr std::size_t longest = 60;
    if (value.is_array()) return text_of("an array of ", value.size());
    if (value.is_object()) return text_of("an object of ", value.size());
    const std::string got = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    return got.size() > longest ? got.substr(0, longest) + "..." : got;
  }
};

template <int Size>
Eigen::Matrix<double, Size, Size> matrix_from_json(const JsonField& field) {
  const auto is_row = [](const nlohmann::json& row) { return row.is_array() && row.size() == Size; };
  const bool square = is_row(field.value) && std::all_of(field.value.begin(), field.value.end(), is_row);
  if (!square) field.check_that(false, text_of(Size, " rows of ", Size, " numbers"));
  Eigen::Matrix<double, Size, Size> matrix;
  for (std::size_t row = 0; row < Size; ++row) {
    for (std::size_t column = 0; column < Size; ++column) {
      const nlohmann::json& number = field.value[row][column];
      if (!number.is_number()) field[row][column].check_that(false, "a number");
      matrix(static_cast<Eigen::Index>(row), static_cast<Eigen::Index>(column)) = number.get<double>();
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

inline std::string string_from_json(const JsonField& field) {
  field.check_that(field.value.is_string(), "a string");
  return field.value.get<std::string>();
}

/// Rows of numbers, all of them exact.
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

/// @throws FormatError for what is no JSON, or nested deeper than 12.
inline nlohmann::json parse_json(std::string_view text, const std::string& name, std::string_view where) {
  const auto shallow = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    check<FormatError>(depth <= max_json_depth, where, name, text_of("JSON nested at most ", max_json_depth, " deep"),
                       "a deeper one");
    return true;
  };
  try {
    return nlohmann::json::parse(text, shallow);
  } catch (const nlohmann::json::exception& error) {
    throw FormatError(expected_text(where, name, "JSON", printable(error.what(), 200)));
  }
}

inline nlohmann::json read_json(const std::filesystem::path& path, std::string_view where) {
  return parse_json(read_file(path, max_rig_bytes, where), path.string(), where);
}

}  // namespace action_images::detail
