// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include <action_images/codec/survey.hpp>

namespace action_images {

/// A blob of one channel.
struct Peak {
  Eigen::Vector2d index;  ///< index coordinates (column, row) of the maximum, sub-pixel [px]
  double height = 0.0;    ///< response at the maximum, above the floor
  double sigma = 0.0;     ///< fitted standard deviation [px]
  double score = 0.0;     ///< how much it looks like a drawn Gaussian, 0..1: height, width and noise
};

/// What is known of a channel before its blob is sought.
struct PeakOptions {
  double sigma = 1.0;  ///< expected standard deviation [px]
  double floor = 0.0;  ///< response to subtract everywhere
  double base = 0.0;   ///< responses of the background after that; the blob is fitted above them
  double clip = 0.0;   ///< responses up to here may have been overwritten by the background
};

namespace detail {

/// Logarithm of an isotropic Gaussian: c0 + cx x + cy y + k (x^2 + y^2), x and y in sigmas from an anchor.
using LogGaussian = Eigen::Vector4d;

inline bool is_blob(const LogGaussian& model) {
  return model.allFinite() && model[3] < -0.03 && model[3] > -8.0 && model[0] < 3.0 &&
         model.segment<2>(1).norm() < -2.0 * model[3] * 3.0;
}
inline Eigen::Vector2d center_of(const LogGaussian& model) { return -model.segment<2>(1) / (2.0 * model[3]); }
inline double height_of(const LogGaussian& model) {
  return std::exp(model[0] - model.segment<2>(1).squaredNorm() / (4.0 * model[3]));
}

/// Normal equations of a weighted least-squares fit in the basis (1, x, y, x^2 + y^2).
struct FitSums {
  Eigen::Matrix4d normal = Eigen::Matrix4d::Zero();
  Eigen::Vector4d right = Eigen::Vector4d::Zero();
  double weight = 0.0;           ///< number of pixels, robustly counted
  double square_residual = 0.0;  ///< sum of weighted squared residuals

  /// Adds a row at height y from the sums over its pixels of w x^n (n = 0..4) and of w z x^n (n = 0..2).
  void add_row(double y, const std::array<double, 5>& w, const std::array<double, 3>& z) {
    const double y2 = y * y;
    const double radial = w[2] + y2 * w[0];
    Eigen::Matrix4d row;
    row << w[0], w[1], y * w[0], radial,            //
        w[1], w[2], y * w[1], w[3] + y2 * w[1],     //
        y * w[0], y * w[1], y2 * w[0], y * radial,  //
        radial, w[3] + y2 * w[1], y * radial, w[4] + 2.0 * y2 * w[2] + y2 * y2 * w[0];
    normal += row;
    right += Eigen::Vector4d(z[0], z[1], y * z[0], z[2] + y2 * z[0]);
  }

  /// Solution with a weak pull of k towards `k`, the expected width, so that a blob of few pixels has one too.
  LogGaussian solve(double k) const {
    constexpr double pull = 0.02;
    Eigen::Matrix4d matrix = normal;
    Eigen::Vector4d vector = right;
    matrix(3, 3) += pull;
    vector[3] += pull * k;
    return matrix.ldlt().solve(vector);
  }
};

/// One channel of a picture (H, W, 3) and the anchor of the fit.
template <PixelType Pixel>
class ChannelWindow {
 public:
  ChannelWindow(const ImagesView<const Pixel>& picture, std::size_t channel, const PeakOptions& options)
      : picture_(picture), channel_(channel), options_(options) {}

  /// Moves the anchor (index coordinates) and takes the pixels within `reach` sigmas of it.
  void center_at(const Eigen::Vector2d& anchor, double reach) {
    anchor_ = anchor;
    const auto range = [&](double center, std::size_t size) {
      const double last = static_cast<double>(size) - 1.0;
      const double radius = std::max(reach * options_.sigma, 1.0);
      return std::array<std::size_t, 2>{
          static_cast<std::size_t>(std::clamp(std::ceil(center - radius), 0.0, last)),
          static_cast<std::size_t>(std::clamp(std::floor(center + radius), 0.0, last)) + 1};
    };
    x_ = range(anchor.x(), picture_.width);
    y_ = range(anchor.y(), picture_.height);
  }

  const Eigen::Vector2d& anchor() const { return anchor_; }
  std::size_t columns() const { return x_[1] - x_[0]; }
  double x(std::size_t column) const { return (static_cast<double>(x_[0] + column) - anchor_.x()) / options_.sigma; }
  double y(std::size_t row) const { return (static_cast<double>(row) - anchor_.y()) / options_.sigma; }

  /// Calls visit(y, row responses); the responses are above the floor.
  template <typename Visit>
  void for_each_row(std::size_t stride, const Visit& visit) const {
    std::vector<float> responses(columns());
    for (std::size_t row = y_[0]; row < y_[1]; row += stride) {
      const Pixel* const pixels = picture_.data + (row * picture_.width + x_[0]) * 3 + channel_;
      const auto floor = static_cast<float>(options_.floor);
      for (std::size_t i = 0; i < responses.size(); ++i) responses[i] = response_of(pixels[3 * i]) - floor;
      visit(y(row), responses);
    }
  }

 private:
  const ImagesView<const Pixel>& picture_;
  std::size_t channel_;
  const PeakOptions& options_;
  Eigen::Vector2d anchor_ = Eigen::Vector2d::Zero();
  std::array<std::size_t, 2> x_{};
  std::array<std::size_t, 2> y_{};
};

/// Mean of the responses within half a sigma of the anchor, as the height of a Gaussian there.
template <PixelType Pixel>
double height_at_anchor(const ChannelWindow<Pixel>& window) {
  double sum = 0.0;
  double count = 0.0;
  window.for_each_row(1, [&](double y, const std::vector<float>& responses) {
    for (std::size_t i = 0; i < responses.size(); ++i) {
      const double expected = std::exp(-0.5 * (window.x(i) * window.x(i) + y * y));
      sum += expected * responses[i];
      count += expected * expected;
    }
  });
  return count > 0.0 ? sum / count : 0.0;
}

/// Rows and columns that a rough look at a blob may skip [px].
inline std::size_t rough_stride(double sigma) { return sigma > 12.0 ? 4 : 1; }

/// Centroid of what exceeds `threshold`, index coordinates; the anchor if nothing does.
template <PixelType Pixel>
Eigen::Vector2d centroid_above(const ChannelWindow<Pixel>& window, double threshold, double sigma) {
  Eigen::Vector2d sum = Eigen::Vector2d::Zero();
  double weights = 0.0;
  const std::size_t stride = rough_stride(sigma);
  window.for_each_row(stride, [&](double y, const std::vector<float>& responses) {
    for (std::size_t i = 0; i < responses.size(); i += stride) {
      const double weight = std::max(0.0, responses[i] - threshold);
      sum += weight * Eigen::Vector2d(window.x(i), y);
      weights += weight;
    }
  });
  return window.anchor() + (weights > 0.0 ? Eigen::Vector2d(sum / weights * sigma) : Eigen::Vector2d(0.0, 0.0));
}

/// First fit: least squares on the logarithm of the responses above `level`, weighted by their squares.
template <PixelType Pixel>
LogGaussian fit_logarithm(const ChannelWindow<Pixel>& window, double level, std::size_t stride) {
  FitSums sums;
  const auto threshold = static_cast<float>(level);
  window.for_each_row(stride, [&](double y, const std::vector<float>& responses) {
    std::array<double, 5> w{};
    std::array<double, 3> z{};
    for (std::size_t i = 0; i < responses.size(); ++i) {
      const float response = responses[i];
      if (!(response > threshold)) continue;
      const double x = window.x(i);
      double moment = static_cast<double>(response) * response;
      const double logarithm = std::log(response);
      for (std::size_t n = 0; n < 5; ++n, moment *= x) {
        w[n] += moment;
        if (n < 3) z[n] += moment * logarithm;
      }
    }
    sums.add_row(y, w, z);
  });
  return sums.solve(-0.5);
}

/// How a Gauss-Newton step looks at the pixels.
struct StepOptions {
  double level;            ///< pixels count where the model exceeds this
  double tolerance;        ///< residuals beyond lose weight (Cauchy)
  std::size_t stride = 1;  ///< of the rows [px]
};

/// One Gauss-Newton step of the fit to the responses themselves.
template <PixelType Pixel>
FitSums gauss_newton_sums(const ChannelWindow<Pixel>& window, const LogGaussian& model, const StepOptions& step) {
  FitSums sums;
  std::vector<double> along_x(window.columns());
  for (std::size_t i = 0; i < along_x.size(); ++i) {
    along_x[i] = std::exp(window.x(i) * (model[1] + model[3] * window.x(i)));
  }
  window.for_each_row(step.stride, [&](double y, const std::vector<float>& responses) {
    const double along_y = std::exp(model[0] + y * (model[2] + model[3] * y));
    std::array<double, 5> w{};
    std::array<double, 3> z{};
    for (std::size_t i = 0; i < responses.size(); ++i) {
      const double expected = along_x[i] * along_y;
      if (!(expected > step.level)) continue;
      const double residual = responses[i] - expected;
      const double trust = 1.0 / (1.0 + residual * residual / (step.tolerance * step.tolerance));
      const double x = window.x(i);
      double moment = trust * expected;
      sums.weight += 1.0;
      sums.square_residual += residual * residual;
      for (std::size_t n = 0; n < 5; ++n, moment *= x) {
        w[n] += moment * expected;
        if (n < 3) z[n] += moment * residual;
      }
    }
    sums.add_row(y, w, z);
  });
  return sums;
}

/// Level above which a blob of some height is fitted.
inline double fit_level(double height, const PeakOptions& options) {
  const double above_base = options.base + (options.sigma < 1.5 ? 0.1 : 0.2) * (height - options.base);
  return std::max(above_base, std::min(options.clip, 0.7 * height));
}

/// Puts the window on the blob that the survey saw: a few centroids from the mode on.
/// @return height of the blob there.
template <PixelType Pixel>
double settle_on_blob(ChannelWindow<Pixel>& window, const CellMap& cells, const PeakOptions& options) {
  const auto mode = cells.mode();
  Eigen::Vector2d center(mode[0], mode[1]);
  window.center_at(center, 1.0);
  const double height = height_at_anchor(window);
  for (int i = 0; i < 3; ++i) {
    window.center_at(center, 1.6);
    center = centroid_above(window, options.base + 0.4 * (height - options.base), options.sigma);
  }
  window.center_at(center, 1.0);
  return height_at_anchor(window);
}

struct BlobFit {
  LogGaussian model;
  double noise;  ///< root mean square of the residuals
};

/// Fits an isotropic Gaussian of free centre, height and width: on the logarithm, then three Gauss-Newton steps.
template <PixelType Pixel>
std::optional<BlobFit> fit_blob(const ChannelWindow<Pixel>& window, double height, const PeakOptions& options) {
  const std::size_t rough = rough_stride(options.sigma);
  BlobFit fit{fit_logarithm(window, fit_level(height, options), rough), 0.0};
  if (!is_blob(fit.model)) fit.model = {std::log(height), 0.0, 0.0, -0.5};
  constexpr int steps = 3;
  for (int i = 0; i < steps; ++i) {
    const double level = fit_level(height_of(fit.model), options);
    const FitSums sums =
        gauss_newton_sums(window, fit.model, {level, std::max(0.02, 0.15 * height), i + 1 < steps ? rough : 1});
    if (sums.weight < 3.0) return std::nullopt;
    fit.noise = std::sqrt(sums.square_residual / sums.weight);
    const LogGaussian improved = fit.model + sums.solve(-0.5 - fit.model[3]);
    if (!is_blob(improved)) break;
    fit.model = improved;
  }
  return fit;
}

/// 1 for a blob of full height and expected width without noise; a blob of 60 % of the height still counts as full.
inline double score_of(double height, double width_ratio, double noise) {
  const double width = std::log2(width_ratio);
  const double roughness = noise / (0.2 * height);
  return std::min(1.0, height / 0.6) * std::exp(-0.5 * width * width) / (1.0 + roughness * roughness);
}

}  // namespace detail

/// Finds the blob of one channel: mode of the survey, then the centroid around it, then a robust fit of an isotropic
/// Gaussian of free centre, height and width, which blurred, weaker and wider blobs still follow.
/// @param picture  (H, W, 3).   @return nullopt if no blob stands out of the background and the noise.
template <PixelType Pixel>
std::optional<Peak> find_peak(const ImagesView<const Pixel>& picture, std::size_t channel, const CellMap& cells,
                              const PeakOptions& options) {
  constexpr double least_height = 0.1;
  detail::ChannelWindow<Pixel> window(picture, channel, options);
  const double start_height = detail::settle_on_blob(window, cells, options);
  if (!(start_height - options.base > least_height)) return std::nullopt;
  window.center_at(window.anchor(), 2.5);
  const auto fit = detail::fit_blob(window, start_height, options);
  if (!fit) return std::nullopt;
  const double height = detail::height_of(fit->model);
  const double width_ratio = std::sqrt(-0.5 / fit->model[3]);
  if (!(height - options.base > least_height) || fit->noise > 0.5 * height) return std::nullopt;
  return Peak{window.anchor() + options.sigma * detail::center_of(fit->model), height, options.sigma * width_ratio,
              detail::score_of(height, width_ratio, fit->noise)};
}

}  // namespace action_images
