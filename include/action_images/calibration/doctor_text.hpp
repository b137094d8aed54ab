// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <action_images/calibration/doctor.hpp>

namespace action_images {

namespace detail {

/// A number with so many decimals; "-" if it is not known.
inline std::string number_text(double value, int decimals) {
  if (!std::isfinite(value)) return "-";
  if (std::abs(value) < 0.5 * std::pow(10.0, -decimals)) value = 0.0;  // no "-0.00"
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), std::abs(value) < 1e9 ? "%.*f" : "%.*e", decimals, value);
  return text.data();
}

/// Three significant digits of a positive number, without an exponent between 0.001 and 99999.
inline std::string short_text(double value) {
  if (!(value > 0.0) || !std::isfinite(value)) return number_text(value, 0);
  const int decimals = 2 - static_cast<int>(std::floor(std::log10(value)));
  return number_text(value, std::clamp(decimals, 0, 4));
}

inline std::string vector_text(const Eigen::Vector3d& vector) {
  if (!vector.allFinite()) return "-";
  return "(" + number_text(vector.x(), 3) + ", " + number_text(vector.y(), 3) + ", " + number_text(vector.z(), 3) + ")";
}

/// Rows of cells as lines with aligned columns, the first one to the left.
inline std::string table_text(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - row[i].size(), ' ');
      text += i == 0 ? row[i] + (row.size() > 1 ? space : "") : "  " + space + row[i];
    }
    text += '\n';
  }
  return text + '\n';
}

inline std::string views_table(const Diagnosis& diagnosis) {
  std::vector<std::vector<std::string>> rows{
      {"view", "focal lengths [px]", "field of view [deg]", "position [m]", "looks at [m]", "distance [m]"}};
  for (std::size_t view = 0; view < diagnosis.views.size(); ++view) {
    const ViewReport& report = diagnosis.views[view];
    rows.push_back({std::to_string(view), number_text(report.fx, 1) + ", " + number_text(report.fy, 1),
                    number_text(report.fov_x, 1) + " x " + number_text(report.fov_y, 1), vector_text(report.position),
                    vector_text(report.looks_at), number_text(report.distance, 3)});
  }
  return table_text(rows);
}

inline constexpr std::array<double, 3> pixel_errors{0.1, 0.5, 1.0};

inline std::vector<std::string> precision_header(std::vector<std::string> row, const std::vector<Precision>& columns) {
  for (const Precision& precision : columns) row.push_back("at " + short_text(precision.distance) + " m");
  return row;
}

inline std::string pairs_table(const Diagnosis& diagnosis) {
  if (diagnosis.pairs.empty()) return "One view: it tells no depth.\n\n";
  std::vector<std::vector<std::string>> rows{
      precision_header({"views", "baseline [m]", "convergence [deg]"}, diagnosis.pairs.front().precision)};
  for (const PairReport& pair : diagnosis.pairs) {
    rows.push_back({std::to_string(pair.first) + ", " + std::to_string(pair.second), number_text(pair.baseline, 3),
                    number_text(pair.convergence, 1)});
    for (const Precision& precision : pair.precision) rows.back().push_back(short_text(precision.depth));
  }
  return "Pairs of views; the last columns: standard deviation of the depth [mm] for pixels with an error of 1 px\n" +
         table_text(rows);
}

/// Precision of all views together, for errors of pixels and for peaks in noise.
inline std::string precision_table(const Diagnosis& diagnosis) {
  if (diagnosis.precision.empty()) return "";
  std::vector<std::vector<std::string>> rows{precision_header({"error of a pixel"}, diagnosis.precision)};
  const auto add = [&](const std::string& name, double error) {
    rows.push_back({name});
    for (const Precision& precision : diagnosis.precision) {
      rows.back().push_back(short_text(error * precision.depth) + " (" +
                            short_text(error * std::sqrt(precision.covariance.trace())) + ")");
    }
  };
  for (const double error : pixel_errors) add(number_text(error, 1) + " px", error);
  const double rounding = peak_error(1.0 / (255.0 * std::sqrt(12.0)));
  add("peak rounded to 8 bits, " + number_text(rounding, 4) + " px", rounding);
  for (const double noise : {2.0, 8.0}) {
    const double error = peak_error(noise / 255.0);
    add("peak in noise " + number_text(noise, 0) + "/255, " + number_text(error, 4) + " px", error);
  }
  return "All views together: standard deviation of the depth, in brackets of the position [mm]\n" + table_text(rows);
}

inline std::string errors_table(const Diagnosis& diagnosis) {
  if (diagnosis.errors.empty()) return "";
  std::vector<std::vector<std::string>> rows{{"view"}};
  for (const PointError& entry : diagnosis.errors) {
    if (entry.view == 0) rows.front().push_back(entry.point);
    if (entry.point == point_names.front()) rows.push_back({std::to_string(entry.view)});
    rows.back().push_back(entry.error.count == 0
                              ? "no peak"
                              : number_text(entry.error.median, 2) + " (" + number_text(entry.error.largest, 2) + ")");
  }
  std::string text = "Reprojection error as given: median (largest) [px]\n" + table_text(rows);
  if (diagnosis.shape && std::isfinite(diagnosis.shape->angle)) {
    text += "Triangulated: normal at " + number_text(1e3 * diagnosis.shape->normal_length, 2) + " mm, up at " +
            number_text(1e3 * diagnosis.shape->up_length, 2) + " mm, " + number_text(diagnosis.shape->angle, 2) +
            " degrees between them\n\n";
  }
  return text;
}

inline std::string fits_table(const Diagnosis& diagnosis) {
  constexpr std::size_t most = 4;
  if (diagnosis.fits.size() < 2) return "";
  std::vector<std::vector<std::string>> rows{{"if mixed up", "median error [px]"}};
  for (std::size_t i = 0; i < diagnosis.fits.size(); ++i) {
    const Fit& fit = diagnosis.fits[i];
    if (i < most || fit.name == "as_given") rows.push_back({fit.name, number_text(fit.error, 2)});
  }
  return "What fits best of " + std::to_string(diagnosis.fits.size()) + " possibilities\n" + table_text(rows);
}

}  // namespace detail

/// A diagnosis as aligned tables and plain sentences, for people.
inline std::string report_of(const Diagnosis& diagnosis) {
  std::string text = detail::views_table(diagnosis) + detail::pairs_table(diagnosis) +
                     detail::precision_table(diagnosis) + detail::errors_table(diagnosis) +
                     detail::fits_table(diagnosis);
  for (const Finding& note : diagnosis.notes) text += "Note: " + note.text + ".\n";
  for (const Finding& warning : diagnosis.warnings) {
    text += "Warning [" + warning.name + "]: " + warning.text + ".\n";
  }
  return text + (diagnosis.warnings.empty() ? "No warnings.\n" : "");
}

}  // namespace action_images
