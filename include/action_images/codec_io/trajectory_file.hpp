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
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <action_images/codec/action.hpp>
#include <action_images/core/file.hpp>

namespace action_images {

namespace detail {

inline constexpr std::uint64_t max_trajectory_bytes = 256 << 20;

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

/// Reads the lines of a trajectory file one after the other.
class TrajectoryReader {
 public:
  explicit TrajectoryReader(std::string name) : name_(std::move(name)) {}

  void read(std::string_view line) {
    ++line_;
    if (trimmed(line).empty()) return;
    const auto fields = fields_of(line);
    if (width_ == 0) {
      width_ = fields.size();
      if (!number_of(fields.front())) return read_header(fields);
      require(width_ == action_columns.size(), "7 numbers a row, or a header", text_of(width_, " fields"));
      for (std::size_t i = 0; i < positions_.size(); ++i) positions_[i] = i;
    }
    read_row(fields);
  }

  Trajectory take() {
    require(width_ > 0, "a trajectory", "an empty file");
    return std::move(trajectory_);
  }

 private:
  void require(bool condition, std::string_view expected, const std::string& got, std::string_view field = "") const {
    if (condition) return;
    const std::string place = field.empty() ? text_of(name_, ':', line_) : text_of(name_, ':', line_, ": ", field);
    throw FormatError(expected_text("codec_io::load_trajectory", place, expected, got));
  }

  void read_header(const std::vector<std::string_view>& fields) {
    for (std::size_t i = 0; i < positions_.size(); ++i) {
      const auto occurrences = std::count(fields.begin(), fields.end(), action_columns[i]);
      require(occurrences == 1, "one column of this name", text_of(occurrences), action_columns[i]);
      const auto found = std::find(fields.begin(), fields.end(), action_columns[i]);
      positions_[i] = static_cast<std::size_t>(found - fields.begin());
    }
  }

  void read_row(const std::vector<std::string_view>& fields) {
    require(fields.size() == width_, text_of(width_, " fields"), text_of(fields.size()));
    Eigen::Matrix<double, 1, 7> row;
    for (std::size_t i = 0; i < positions_.size(); ++i) {
      const std::string_view text = fields[positions_[i]];
      const auto value = number_of(text);
      require(value && std::isfinite(*value), "a finite number", text_of('"', text.substr(0, 40), '"'),
              action_columns[i]);
      row[static_cast<Eigen::Index>(i)] = *value;
    }
    trajectory_.push_back({row.head<3>().transpose(), row.segment<3>(3).transpose(), row[6]});
  }

  std::string name_;
  std::size_t line_ = 0;
  std::size_t width_ = 0;  ///< fields of a row
  std::array<std::size_t, 7> positions_{};
  Trajectory trajectory_;
};

inline void append_number(std::string& text, double value) {
  std::array<char, 32> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  text.append(digits.data(), end);
}

}  // namespace detail

/// Reads a trajectory from comma-separated values (at most 256 MiB): a header with the columns x, y, z, ex, ey, ez and
/// openness in any order, others are ignored (time, frame, confidence, ...); or no header and 7 numbers a row.
/// @return T actions [m, rad].
/// @throws FormatError naming the file, the line and the column of what is missing or not a finite number.
inline Trajectory load_trajectory(const std::filesystem::path& path) {
  const std::string text = read_file(path, detail::max_trajectory_bytes, "codec_io::load_trajectory");
  detail::TrajectoryReader reader(path.string());
  std::string_view rest = text;
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  while (!rest.empty()) {
    const std::size_t length = std::min(rest.find('\n'), rest.size());
    reader.read(rest.substr(0, length));
    rest.remove_prefix(std::min(length + 1, rest.size()));
  }
  return reader.take();
}

/// Writes a trajectory with a header; all numbers are kept exactly.
/// @throws ValueError if an action is not finite.   @throws FormatError if the file cannot be written.
inline void save_trajectory(const Trajectory& trajectory, const std::filesystem::path& path) {
  std::string text = "x,y,z,ex,ey,ez,openness\n";
  const ActionMatrix rows = matrix_from_trajectory(trajectory);
  check(rows.allFinite(), "codec_io::save_trajectory", "trajectory", "finite numbers", "NaN or infinity");
  for (Eigen::Index t = 0; t < rows.rows(); ++t) {
    for (Eigen::Index i = 0; i < rows.cols(); ++i) {
      detail::append_number(text, rows(t, i));
      text += i + 1 < rows.cols() ? ',' : '\n';
    }
  }
  write_file(path, text, "codec_io::save_trajectory");
}

}  // namespace action_images
