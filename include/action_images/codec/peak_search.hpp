// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <vector>

#include <Eigen/Core>

#include <action_images/codec/gaussian_fit.hpp>
#include <action_images/codec/patch.hpp>
#include <action_images/codec/peak.hpp>
#include <action_images/codec/survey.hpp>

namespace action_images {

/// What is known of a channel before its blobs are sought.
struct PeakOptions {
  double sigma = 1.0;  ///< expected standard deviation [px]
  double floor = 0.0;  ///< response to subtract everywhere
  double base = 0.0;   ///< responses of the background after that; the blob is fitted above them
  double clip = 0.0;   ///< responses up to here may have been overwritten by the background
};

/// Memory for the search, used again from picture to picture.
struct PeakWorkspace {
  detail::Patch patch;
  detail::FitSums sums;
  std::vector<float> scratch;
};

namespace detail {

inline constexpr double least_height = 0.1;  ///< of a blob, above the base

/// Level above which a blob of some height is fitted: where neither the background has overwritten it nor noise is cut
/// off at 0.
inline double fit_level(double height, double noise, const PeakOptions& options) {
  const double above_base = options.base + (options.sigma < 1.5 ? 0.1 : 0.15) * (height - options.base);
  return std::max({above_base, std::min(options.clip, 0.7 * height), std::min(2.0 * noise, 0.5 * height)});
}

/// What is known of a blob before it is measured.
struct RoughBlob {
  LogGaussian model;       ///< in the coordinates of the patch
  double noise = 0.0;      ///< root mean square of the residuals
  double ceiling = 1e3;    ///< responses near the top of a saturated blob
  double tolerance = 0.1;  ///< residuals beyond belong to something else
};

/// Top of a saturated blob: many responses that are (nearly) the largest, compared with those above half of it. Of a
/// Gaussian, log2(1 / (1 - d)) of these lie within d of the top.
inline double ceiling_of(const Patch& patch) {
  constexpr float reach = 4.0F / 255.0F;
  float top = 0.0F;
  for (std::size_t i = 0; i < patch.rows(); ++i)
    top = std::max(top, *std::max_element(patch.row(i), patch.row(i) + patch.columns()));
  float high = 0.0F;
  float half = 0.0F;
  for (std::size_t i = 0; i < patch.rows(); ++i) {
    const float* const row = patch.row(i);
    for (std::size_t j = 0; j < patch.columns(); ++j) {
      high += row[j] >= top - reach ? 1.0F : 0.0F;
      half += row[j] >= 0.5F * top ? 1.0F : 0.0F;
    }
  }
  return high >= 6.0F && high > 0.12F * half ? static_cast<double>(top - reach) : 1e3;
}

/// Mean of the responses within half a unit of the anchor.
inline double height_at_anchor(const Patch& patch) {
  double sum = 0.0;
  double count = 0.0;
  for (std::size_t i = 0; i < patch.rows(); ++i) {
    for (std::size_t j = 0; j < patch.columns(); ++j) {
      const double x = static_cast<double>(patch.x()[j]);
      if (x * x + patch.y(i) * patch.y(i) > 0.3 || patch.row(i)[j] == Patch::masked) continue;
      sum += static_cast<double>(patch.row(i)[j]);
      count += 1.0;
    }
  }
  return count > 0.0 ? sum / count : 0.0;
}

/// Response that a pixel does not resolve.
template <PixelType Pixel>
constexpr double least_noise() {
  return std::is_same_v<Pixel, float> ? 1e-5 : 0.3 / 255.0;
}

/// Gauss-Newton steps until one is small, `steps` at most; the last one stays in `workspace.sums`.
inline std::optional<FitStep> improve(RoughBlob& blob, const PeakOptions& options, double noise, int steps,
                                      PeakWorkspace& workspace) {
  std::optional<FitStep> taken;
  for (int i = 0; i < steps; ++i) {
    const double level = fit_level(height_of(blob.model), blob.noise, options);
    ResponseTerms terms(workspace.patch, blob.model, {level, blob.ceiling, blob.tolerance});
    accumulate(workspace.patch, terms, workspace.sums);
    if (workspace.sums.count < 3.0) return std::nullopt;
    const double pull = 4.0 * workspace.sums.variance(noise);
    const Eigen::Vector4d delta = workspace.sums.solve(-0.5 - blob.model[3], pull);
    if (!is_blob(blob.model + delta)) return taken;
    taken = FitStep{blob.model, delta, pull, noise};
    blob.model += delta;
    if (delta.cwiseAbs().maxCoeff() < 0.1 && delta.segment<2>(1).norm() < 0.008) break;
  }
  return taken;
}

/// Search for the blobs of one channel of a picture (H, W, 3).
template <PixelType Pixel>
class PeakSearch {
 public:
  /// @param cells  of the channel's survey; found blobs are taken out of it.
  PeakSearch(const Channel<Pixel>& channel, CellMap& cells, const PeakOptions& options, PeakWorkspace& workspace)
      : channel_(channel), cells_(cells), options_(options), workspace_(workspace) {}

  Peaks find() {
    double least = least_height;
    while (count_ < Peaks::capacity) {
      const CellMap::Mode mode = cells_.mode();
      if (!(static_cast<double>(mode.mean) - options_.floor - options_.base > 0.4 * least)) break;
      if (!find_at({cells_.x(mode.column), cells_.y(mode.row)}, least)) break;
      const Peak& peak = found_[count_++].peak;
      least = std::max(least, 0.3 * (peak.height - options_.base));
      take_out(peak);
    }
    part();
    Peaks peaks;
    for (std::size_t i = 0; i < count_; ++i) peaks.insert(found_[i].peak);
    return peaks;
  }

 private:
  /// A blob that was measured.
  struct Found {
    RoughBlob rough;
    Peak peak;
  };

  bool find_at(const Eigen::Vector2d& mode, double least) {
    auto blob = look_roughly(mode);
    if (!blob) return false;
    const auto peak = measure(*blob, count_);
    if (!peak || !(peak->height - options_.base > least)) return false;
    found_[count_] = {*blob, *peak};
    return true;
  }

  /// Measures blobs again that lie near each other, each without what lies under the others.
  void part() {
    for (int round = 0; round < 2; ++round) {
      for (std::size_t i = 0; i < count_; ++i) {
        if (!has_neighbor(i)) continue;
        Found& found = found_[i];
        const double width = options_.sigma / found.peak.sigma;
        workspace_.patch.move_anchor(found.peak.index);
        found.rough.model = {std::log(found.peak.height), 0.0, 0.0, -0.5 * width * width};
        if (const auto peak = measure(found.rough, i)) found.peak = *peak;
      }
    }
  }

  bool has_neighbor(std::size_t self) const {
    for (std::size_t i = 0; i < count_; ++i) {
      if (i == self) continue;
      const double reach = 2.5 * (found_[i].peak.sigma + found_[self].peak.sigma);
      if ((found_[i].peak.index - found_[self].peak.index).norm() < reach) return true;
    }
    return false;
  }

  /// A few pixels of the survey's grid: fit of the logarithm, then of the responses.
  std::optional<RoughBlob> look_roughly(const Eigen::Vector2d& mode) {
    Patch& patch = workspace_.patch;
    const SurveyGrid& grid = cells_.grid;
    patch.load(
        channel_,
        {mode, options_.sigma, std::max(2.5 * options_.sigma, 2.0), {grid.column_stride | 1, grid.row_stride | 1}, 64},
        {options_.floor, mode});
    mask_others(count_, 1.0);
    const double height = height_at_anchor(patch);
    if (!(height - options_.base > 0.5 * least_height)) return std::nullopt;
    RoughBlob blob;
    blob.ceiling = ceiling_of(patch);
    const double above_base = options_.base + 0.35 * (height - options_.base);
    const auto threshold = static_cast<float>(std::max(above_base, std::min(options_.clip, 0.8 * height)));
    accumulate(patch, LogarithmTerms{patch, threshold, static_cast<float>(blob.ceiling)}, workspace_.sums);
    blob.model = workspace_.sums.solve(-0.5, 0.02);
    if (!is_blob(blob.model)) blob.model = {std::log(height), 0.0, 0.0, -0.5};
    blob.tolerance = 0.15 * height;
    if (!improve(blob, options_, resolution_, 3, workspace_)) return std::nullopt;
    if (!(height_of(blob.model) - options_.base > 0.5 * least_height)) return std::nullopt;
    blob.noise = std::sqrt(workspace_.sums.variance(resolution_));
    blob.tolerance = std::max(blob.tolerance, 4.0 * blob.noise);
    return blob;
  }

  /// All pixels that tell something, or many of them.
  /// @param blob  in coordinates of the last patch.   @param self  its number among those found.
  std::optional<Peak> measure(RoughBlob blob, std::size_t self) {
    Patch& patch = workspace_.patch;
    const Eigen::Vector2d shift = center_of(blob.model);
    const Eigen::Vector2d center = patch.anchor() + options_.sigma * shift;
    const double height = height_of(blob.model);
    const double width = width_of(blob.model) * options_.sigma;
    const double reach = std::sqrt(2.0 * std::log(height / fit_level(height, blob.noise, options_))) * width;
    blob.model = moved(blob.model, shift);
    Background background{options_.floor, center};
    if (options_.base == 0.0 && options_.clip == 0.0) {
      const double floor = level_before_cut(options_.floor, blob.noise);
      background = background_under(cells_, center, std::max(width, options_.sigma), floor);
    }
    const std::size_t rows = blob.noise > 4.0 / 255.0 ? Patch::capacity : Patch::capacity / 2;
    patch.load(channel_, {center, options_.sigma, std::max(reach, 1.5), {1, 1}, rows}, background);
    mask_others(self, height);
    const auto step = improve(blob, options_, resolution_, 4, workspace_);
    if (!step) return std::nullopt;
    return peak_of(blob.model, fit_quality(workspace_.sums, *step, patch.row_stride()));
  }

  /// Masks where other blobs than number `self` are brighter than a tenth of `height`.
  void mask_others(std::size_t self, double height) {
    for (std::size_t i = 0; i < count_; ++i) {
      const Peak& other = found_[i].peak;
      if (i == self || !(other.height > 0.1 * height)) continue;
      const double radius = other.sigma * std::sqrt(2.0 * std::log(other.height / (0.1 * height)));
      const double distance = (other.index - workspace_.patch.anchor()).norm();
      workspace_.patch.mask(other.index, std::min(radius, 0.9 * distance));
    }
  }

  std::optional<Peak> peak_of(const LogGaussian& model, const FitQuality& quality) const {
    const double height = height_of(model);
    const double unit = options_.sigma;
    if (!(height - options_.base > least_height) || quality.noise > 0.33 * height || quality.height_error > 0.3 ||
        !(quality.covariance.determinant() > 0.0) || !(quality.covariance(0, 0) > 0.0)) {
      return std::nullopt;
    }
    Peak peak{workspace_.patch.anchor() + unit * center_of(model), unit * unit * quality.covariance, height,
              unit * width_of(model), quality.noise};
    peak.covariance.diagonal().array() += 1e-8;
    peak.score = score_of(peak);
    return peak;
  }

  /// 1 for a blob of full height and expected width without noise, inside the picture; a blob of 60 % of the height or
  /// of the area still counts as full.
  double score_of(const Peak& peak) const {
    const double width = std::log2(peak.sigma / options_.sigma);
    const double roughness = peak.noise / (0.2 * peak.height);
    return std::min(1.0, peak.height / 0.6) * std::min(1.0, share_inside(peak) / 0.6) * std::exp(-0.5 * width * width) /
           (1.0 + roughness * roughness);
  }

  double share_inside(const Peak& peak) const {
    const auto share = [&](double center, std::size_t size) {
      const double scale = std::sqrt(0.5) / peak.sigma;
      return 0.5 * (std::erf((static_cast<double>(size) - 0.5 - center) * scale) + std::erf((center + 0.5) * scale));
    };
    return share(peak.index.x(), channel_.picture.width) * share(peak.index.y(), channel_.picture.height);
  }

  /// Subtracts a blob from the survey, so that another one shows.
  void take_out(const Peak& peak) {
    const double side = static_cast<double>(cells_.grid.cell);
    const double variance = peak.sigma * peak.sigma + side * side / 12.0;
    const double height = peak.height * peak.sigma * peak.sigma / variance;
    for (std::size_t i = 0; i < cells_.rows; ++i) {
      const double dy = cells_.y(i) - peak.index.y();
      const double along_y = height * std::exp(-0.5 * dy * dy / variance);
      if (along_y < 0.01) continue;
      for (std::size_t j = 0; j < cells_.columns; ++j) {
        const double dx = cells_.x(j) - peak.index.x();
        const double response = along_y * std::exp(-0.5 * dx * dx / variance);
        cells_.means[i * cells_.columns + j] -= static_cast<float>(std::max(0.0, response - options_.base));
      }
    }
  }

  Channel<Pixel> channel_;
  CellMap& cells_;
  const PeakOptions& options_;
  PeakWorkspace& workspace_;
  double resolution_ = least_noise<Pixel>();
  std::array<Found, Peaks::capacity> found_;
  std::size_t count_ = 0;
};

}  // namespace detail

/// Finds up to three blobs of one channel: the mode of the survey, a fit to a few pixels around it, then a robust fit
/// of an isotropic Gaussian of free centre, height and width; then the same without the blob that was found. Blurred,
/// weaker, wider, saturated and cut blobs are found as well.
/// @param picture  (H, W, 3).   @param cells  of the channel's survey; found blobs are taken out of it.
/// @return best first; none if no blob stands out of the background and the noise.
template <PixelType Pixel>
Peaks find_peaks(const ImagesView<const Pixel>& picture, std::size_t channel, CellMap& cells,
                 const PeakOptions& options, PeakWorkspace& workspace) {
  return detail::PeakSearch<Pixel>({picture, channel}, cells, options, workspace).find();
}

}  // namespace action_images
