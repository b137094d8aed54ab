// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <action_images/codec/action.hpp>
#include <action_images/codec/action_format.hpp>
#include <action_images/core/file.hpp>

namespace action_images {

namespace detail {

inline constexpr std::uint64_t max_trajectory_bytes = 256 << 20;
inline constexpr std::ptrdiff_t max_trajectory_columns = 1024;

inline std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\"";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

inline std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  while (true) {
    const std::size_t comma = line.find(',');
    fields.push_back(trimmed(line.substr(0, comma)));
    if (comma == std::string_view::npos) return fields;
    line.remove_prefix(comma + 1);
  }
}

inline std::optional<double> number_of(std::string_view text) {
  double value = 0.0;
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Which columns hold the actions of a file, and how.
struct TrajectoryColumns {
  ActionFormat format = ActionFormat::euler;
  GripperValue gripper = GripperValue::openness;

  /// What a header says: the format that lacks the fewest columns there; of equals the first of euler, quaternion,
  /// matrix, rotation_6d.
  static TrajectoryColumns of_header(const std::vector<std::string_view>& header) {
    const auto has = [&](std::string_view name) {
      return std::find(header.begin(), header.end(), name) != header.end();
    };
    TrajectoryColumns columns;
    if (!has("openness") && has("closed")) columns.gripper = GripperValue::closed;
    std::ptrdiff_t fewest = 100;
    for (const ActionFormat format :
         {ActionFormat::euler, ActionFormat::quaternion, ActionFormat::matrix, ActionFormat::rotation_6d}) {
      const auto names = columns_of(format);
      const std::ptrdiff_t missing = std::ssize(names) - std::count_if(names.begin(), names.end(), has);
      if (missing < fewest) columns.format = format;
      fewest = std::min(fewest, missing);
    }
    return columns;
  }

  std::vector<std::string_view> names() const { return columns_of(format, gripper); }
};

/// Reads the lines of a trajectory file one after the other.
class TrajectoryReader {
 public:
  explicit TrajectoryReader(std::string name) : name_(std::move(name)) {}

  void read(std::string_view line) {
    ++line_;
    if (trimmed(line).empty()) return;
    const std::ptrdiff_t commas = std::count(line.begin(), line.end(), ',');
    require(commas < max_trajectory_columns, text_of("at most ", max_trajectory_columns, " fields"), commas + 1);
    const auto fields = fields_of(line);
    if (width_ == 0) {
      width_ = fields.size();
      if (!number_of(fields.front())) return read_header(fields);
      require(width_ == action_columns.size(), "7 numbers a row, or a header", text_of(width_, " fields"));
      for (std::size_t i = 0; i < action_columns.size(); ++i) positions_.push_back(i);
    }
    read_row(fields);
  }

  Trajectory take() {
    require(width_ > 0, "a trajectory", "an empty file");
    return std::move(trajectory_);
  }

 private:
  template <typename Got>
  void require(bool condition, std::string_view expected, const Got& got, std::string_view field = "") const {
    if (condition) return;
    const std::string place = field.empty() ? text_of(name_, ':', line_) : text_of(name_, ':', line_, ": ", field);
    throw FormatError(expected_text("codec_io::load_trajectory", place, expected, text_of(got)));
  }

  void read_header(const std::vector<std::string_view>& fields) {
    columns_ = TrajectoryColumns::of_header(fields);
    names_ = columns_.names();
    for (const std::string_view name : names_) {
      const auto occurrences = std::count(fields.begin(), fields.end(), name);
      require(occurrences == 1, "one column of this name", occurrences, name);
      positions_.push_back(static_cast<std::size_t>(std::find(fields.begin(), fields.end(), name) - fields.begin()));
    }
    row_.resize(names_.size());
  }

  void read_row(const std::vector<std::string_view>& fields) {
    if (fields.size() != width_) require(false, text_of(width_, " fields"), fields.size());
    for (std::size_t i = 0; i < positions_.size(); ++i) {
      const std::string_view text = fields[positions_[i]];
      const auto value = number_of(text);
      if (!value || !std::isfinite(*value))
        require(false, "a finite number", text_of('"', printable(text), '"'), names_[i]);
      row_[i] = *value;
    }
    const auto action = action_from_row(row_, columns_.format, columns_.gripper);
    if (!action) refuse_rotation();
    trajectory_.push_back(*action);
  }

  [[noreturn]] void refuse_rotation() const {
    std::string columns, numbers;
    for (std::size_t i = 3; i + 1 < names_.size(); ++i) {
      columns.append(i > 3 ? " " : "").append(names_[i]);
      numbers += text_of(i > 3 ? ", " : "", row_[i]);
    }
    throw FormatError(expected_text("codec_io::load_trajectory", text_of(name_, ':', line_, ": ", columns),
                                    traits_of(columns_.format).expected, numbers));
  }

  std::string name_;
  std::size_t line_ = 0;
  std::size_t width_ = 0;  ///< fields of a row
  TrajectoryColumns columns_;
  std::vector<std::string_view> names_ = columns_.names();
  std::vector<std::size_t> positions_;  ///< of the named columns among the fields
  std::vector<double> row_ = std::vector<double>(names_.size());
  Trajectory trajectory_;
};

inline void append_number(std::string& text, double value) {
  std::array<char, 32> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  text.append(digits.data(), end);
}

}  // namespace detail

/// Trajectory of comma-separated values: a header with the columns of one of the action formats (`columns_of`) in any
/// order, others are ignored (time, frame, confidence, ...); or no header and 7 numbers a row as in the format euler.
/// If there are the columns of several formats, the first of euler, quaternion, matrix, rotation_6d is read.
/// @param name  of the file, for messages.
/// @return T actions [m, rad].
/// @throws FormatError naming the line and the column of what is missing, not a finite number, or no rotation.
inline Trajectory trajectory_from_csv(std::string_view text, const std::string& name = "trajectory") {
  detail::TrajectoryReader reader(name);
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  while (!text.empty()) {
    const std::size_t length = std::min(text.find('\n'), text.size());
    reader.read(text.substr(0, length));
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  return reader.take();
}

/// Reads a trajectory file (at most 256 MiB); see `trajectory_from_csv`.
/// @throws FormatError naming the file, the line and the column.
inline Trajectory load_trajectory(const std::filesystem::path& path) {
  const std::string text = read_file(path, detail::max_trajectory_bytes, "codec_io::load_trajectory");
  return trajectory_from_csv(text, path.string());
}

/// Comma-separated values of a trajectory with a header; in the format euler all numbers are kept exactly.
/// @throws ValueError if an action is not finite.
inline std::string csv_from_trajectory(const Trajectory& trajectory, ActionFormat format = ActionFormat::euler,
                                       GripperValue gripper = GripperValue::openness) {
  std::string text;
  for (const std::string_view column : columns_of(format, gripper)) text.append(text.empty() ? "" : ",").append(column);
  text += '\n';
  const ActionRows rows = rows_from_trajectory(trajectory, format, gripper);
  check(rows.allFinite(), "codec_io::save_trajectory", "trajectory", "finite numbers", "NaN or infinity");
  for (Eigen::Index t = 0; t < rows.rows(); ++t) {
    for (Eigen::Index i = 0; i < rows.cols(); ++i) {
      detail::append_number(text, rows(t, i));
      text += i + 1 < rows.cols() ? ',' : '\n';
    }
  }
  return text;
}

/// Writes `csv_from_trajectory` into a file.
/// @throws ValueError if an action is not finite.   @throws FormatError if the file cannot be written.
inline void save_trajectory(const Trajectory& trajectory, const std::filesystem::path& path,
                            ActionFormat format = ActionFormat::euler, GripperValue gripper = GripperValue::openness) {
  write_file(path, csv_from_trajectory(trajectory, format, gripper), "codec_io::save_trajectory");
}

}  // namespace action_images
