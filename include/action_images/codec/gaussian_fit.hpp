// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>

#include <Eigen/Core>
#include <Eigen/LU>

#include <action_images/codec/normal_equations.hpp>
#include <action_images/codec/patch.hpp>

namespace action_images::detail {

/// Logarithm of an isotropic Gaussian: c0 + cx x + cy y + k (x^2 + y^2) in the coordinates of a patch.
using LogGaussian = Eigen::Vector4d;

inline bool is_blob(const LogGaussian& model) {
  return model.allFinite() && model[3] < -0.03 && model[3] > -8.0 && model[0] < 3.0 &&
         model.segment<2>(1).norm() < -2.0 * model[3] * 3.0;
}
inline Eigen::Vector2d center_of(const LogGaussian& model) { return -model.segment<2>(1) / (2.0 * model[3]); }
inline double height_of(const LogGaussian& model) {
  return std::exp(model[0] - model.segment<2>(1).squaredNorm() / (4.0 * model[3]));
}
inline double width_of(const LogGaussian& model) { return std::sqrt(-0.5 / model[3]); }

/// The same Gaussian in coordinates that count from `shift`.
inline LogGaussian moved(const LogGaussian& model, const Eigen::Vector2d& shift) {
  const Eigen::Vector2d slope = model.segment<2>(1) + 2.0 * model[3] * shift;
  return {model[0] + model.segment<2>(1).dot(shift) + model[3] * shift.squaredNorm(), slope.x(), slope.y(), model[3]};
}

/// Sums over one row of w x^n (n = 0..4) and of w z x^n (n = 0..2), weights w and what is to be explained z.
struct RowSums {
  double y;
  std::array<float, 5> weights;
  std::array<float, 3> rights;

  Eigen::Matrix4d normal() const {
    const Eigen::Map<const Eigen::Array<float, 5, 1>> floats(weights.data());
    const Eigen::Array<double, 5, 1> w = floats.cast<double>();
    const double y2 = y * y;
    const double radial = w[2] + y2 * w[0];
    Eigen::Matrix4d matrix;
    matrix << w[0], w[1], y * w[0], radial,         //
        w[1], w[2], y * w[1], w[3] + y2 * w[1],     //
        y * w[0], y * w[1], y2 * w[0], y * radial,  //
        radial, w[3] + y2 * w[1], y * radial, w[4] + 2.0 * y2 * w[2] + y2 * y2 * w[0];
    return matrix;
  }

  Eigen::Vector4d right() const { return {rights[0], rights[1], y * rights[0], rights[2] + y * y * rights[0]}; }
};

/// Normal equations of a weighted least-squares fit in the basis (1, x, y, x^2 + y^2).
struct FitSums {
  Eigen::Matrix4d normal = Eigen::Matrix4d::Zero();
  Eigen::Vector4d right = Eigen::Vector4d::Zero();
  double count = 0.0;            ///< number of pixels, robustly counted
  double square_residual = 0.0;  ///< sum of weighted squared residuals
  std::size_t rows = 0;
  std::array<RowSums, Patch::capacity> row_sums;

  double variance(double least_noise) const {
    return std::max(square_residual / std::max(count - 4.0, 0.5), least_noise * least_noise);
  }

  /// Solution with a pull of k towards `k`, the expected width, so that a blob of few pixels has one too.
  /// @param pull  how much that counts: the variance of the noise over that of k.
  Eigen::Vector4d solve(double k, double pull) const {
    Eigen::Matrix4d matrix = normal;
    Eigen::Vector4d vector = right;
    matrix(3, 3) += pull;
    vector[3] += pull * k;
    return normal_solution(matrix, vector);
  }
};

/// Four terms of the sums.
struct Terms {
  Lanes weight;
  Lanes right;   ///< weight times what is to be explained
  Lanes count;   ///< 0..1
  Lanes square;  ///< weighted squared residual
};

inline Lanes load(const float* values) { return Eigen::Map<const Lanes, Eigen::Aligned16>(values); }

/// Sums over a patch. `terms.begin_row(row)` gives the range of columns that matter, in whole lanes; `terms.at(column,
/// responses)` four terms.
template <typename TermsOfRow>
void accumulate(const Patch& patch, TermsOfRow&& terms, FitSums& sums) {
  sums.normal.setZero();
  sums.right.setZero();
  sums.rows = 0;
  Lanes count = Lanes::Zero();
  Lanes square = Lanes::Zero();
  for (std::size_t i = 0; i < patch.rows(); ++i) {
    const std::array<std::size_t, 2> range = terms.begin_row(i);
    if (range[0] >= range[1]) continue;
    const float* const responses = patch.row(i);
    std::array<Lanes, 5> w;
    std::array<Lanes, 3> z;
    w.fill(Lanes::Zero());
    z.fill(Lanes::Zero());
    for (std::size_t j = range[0]; j < range[1]; j += lanes) {
      const Terms term = terms.at(j, load(responses + j));
      const Lanes x = load(patch.x() + j);
      const Lanes wx = term.weight * x;
      const Lanes wxx = wx * x;
      const Lanes wxxx = wxx * x;
      const Lanes zx = term.right * x;
      w[0] += term.weight;
      w[1] += wx;
      w[2] += wxx;
      w[3] += wxxx;
      w[4] += wxxx * x;
      z[0] += term.right;
      z[1] += zx;
      z[2] += zx * x;
      count += term.count;
      square += term.square;
    }
    RowSums& row = sums.row_sums[sums.rows++];
    row = {
        patch.y(i), {w[0].sum(), w[1].sum(), w[2].sum(), w[3].sum(), w[4].sum()}, {z[0].sum(), z[1].sum(), z[2].sum()}};
    sums.normal += row.normal();
    sums.right += row.right();
  }
  sums.count = static_cast<double>(count.sum());
  sums.square_residual = static_cast<double>(square.sum());
}

/// First fit: least squares on the logarithm of the responses above a threshold, weighted by their squares.
struct LogarithmTerms {
  const Patch& patch;
  float threshold;  ///< responses below do not count
  float ceiling;    ///< nor do those above

  std::array<std::size_t, 2> begin_row(std::size_t) const { return {0, patch.pitch()}; }

  Terms at(std::size_t, const Lanes& responses) const {
    const Lanes gate = ((responses - threshold) * 1e6F).min((ceiling - responses) * 1e6F).min(1.0F).max(0.0F);
    const Lanes logarithm = responses.max(1e-4F).log();
    const Lanes weight = gate * responses * responses;
    return {weight, weight * logarithm, gate, Lanes::Zero()};
  }
};

/// How a Gauss-Newton step looks at the pixels.
struct StepOptions {
  double level;      ///< pixels count where the model exceeds this
  double ceiling;    ///< and does not exceed this, where the blob is saturated
  double tolerance;  ///< residuals beyond lose weight (Cauchy)
};

/// A Gauss-Newton step of the fit to the responses themselves.
class ResponseTerms {
 public:
  ResponseTerms(const Patch& patch, const LogGaussian& model, const StepOptions& step)
      : patch_(patch),
        model_(model),
        level_(static_cast<float>(step.level)),
        ceiling_(static_cast<float>(step.ceiling)),
        sharpness_(static_cast<float>(1.0 / (0.02 * height_of(model)))),
        precision_(static_cast<float>(1.0 / (step.tolerance * step.tolerance))),
        log_level_(std::log(step.level)) {
    const auto slope = static_cast<float>(model[1]);
    const auto k = static_cast<float>(model[3]);
    for (std::size_t j = 0; j < patch.pitch(); j += lanes) {
      const Lanes x = load(patch.x() + j);
      Eigen::Map<Lanes, Eigen::Aligned16>(along_x_.data() + j) = (x * (slope + k * x)).exp();
    }
    std::fill(along_x_.begin() + static_cast<std::ptrdiff_t>(patch.columns()),
              along_x_.begin() + static_cast<std::ptrdiff_t>(patch.pitch()), 0.0F);
  }

  /// The columns where the model exceeds the level.
  std::array<std::size_t, 2> begin_row(std::size_t row) {
    const double y = patch_.y(row);
    const double at_zero = model_[0] + y * (model_[2] + model_[3] * y);
    along_y_ = static_cast<float>(std::exp(at_zero));
    const double middle = -model_[1] / (2.0 * model_[3]);
    const double square = middle * middle - (at_zero - log_level_) / model_[3];
    if (!(square > 0.0)) return {0, 0};
    const double half = std::sqrt(square);
    const double columns = static_cast<double>(patch_.columns());
    const double first = (middle - half - static_cast<double>(patch_.x()[0])) / patch_.step();
    const double last = (middle + half - static_cast<double>(patch_.x()[0])) / patch_.step();
    if (!(last > -2.0) || !(first < columns + 2.0)) return {0, 0};
    const auto begin = static_cast<std::size_t>(std::max(first - 2.0, 0.0));
    const auto end = static_cast<std::size_t>(std::min(last + 3.0, columns));
    return {begin / lanes * lanes, end};
  }

  Terms at(std::size_t column, const Lanes& responses) const {
    const Lanes expected = load(along_x_.data() + column) * along_y_;
    const Lanes residual = responses - expected;
    const Lanes square = residual * residual;
    const Lanes inside = (expected - level_).min(ceiling_ - expected) * sharpness_;
    const Lanes trust = inside.min(1.0F).max(0.0F) / (1.0F + square * precision_);
    const Lanes pull = trust * expected;
    return {pull * expected, pull * residual, trust, trust * trust * square};
  }

 private:
  const Patch& patch_;
  const LogGaussian& model_;
  float level_;
  float ceiling_;
  float sharpness_;
  float precision_;
  double log_level_;
  float along_y_ = 0.0F;
  alignas(16) std::array<float, Patch::capacity> along_x_;
};

/// What a least-squares fit says about the place of the maximum, in the coordinates of the patch.
struct FitQuality {
  Eigen::Matrix2d covariance;  ///< of the centre [units^2]
  double noise;                ///< root mean square of the residuals
  double height_error;         ///< relative, standard deviation
};

/// A step of the fit that has been taken.
struct FitStep {
  LogGaussian model;      ///< before
  Eigen::Vector4d delta;  ///< the solution of the sums
  double pull;            ///< of k, see FitSums::solve
  double least_noise;     ///< response that no picture resolves
};

/// How much more the covariance is than that of independent noise, because neighbouring pixels share theirs: measured
/// along the rows, by the scatter of what each of them says about x.
/// @param influence  of the normal equations on x.   @param expected  scatter of independent noise.
inline double shared_noise(const FitSums& sums, const FitStep& step, const Eigen::Vector4d& influence,
                           double expected) {
  double scatter = 0.0;
  for (std::size_t i = 0; i < sums.rows; ++i) {
    const RowSums& row = sums.row_sums[i];
    const double value = influence.dot(row.right() - row.normal() * step.delta);
    scatter += value * value;
  }
  const double chance = 2.0 * std::sqrt(2.0 / static_cast<double>(std::max<std::size_t>(sums.rows, 1)));
  return std::max(1.0, scatter / expected - chance);
}

/// Noise variance times the inverse normal matrix, more if neighbouring pixels share their noise.
inline FitQuality fit_quality(const FitSums& sums, const FitStep& step, std::size_t row_stride) {
  const double squares = std::max(0.0, sums.square_residual - step.delta.dot(sums.right));
  const double freedom = std::max(sums.count - 4.0, 0.5);
  const double variance = std::max(squares / freedom, step.least_noise * step.least_noise);
  Eigen::Matrix4d normal = sums.normal;
  normal(3, 3) += step.pull;
  const Eigen::Matrix4d inverse = normal.inverse();
  const LogGaussian fitted = step.model + step.delta;
  const double k = fitted[3];
  Eigen::Matrix<double, 2, 4> jacobian;
  jacobian << 0.0, -0.5 / k, 0.0, fitted[1] / (2.0 * k * k),  //
      0.0, 0.0, -0.5 / k, fitted[2] / (2.0 * k * k);
  const Eigen::Matrix<double, 2, 4> influence = jacobian * inverse;
  const Eigen::Matrix2d covariance = variance * influence * jacobian.transpose();
  const double along = shared_noise(sums, step, influence.row(0), covariance(0, 0));
  const double factor = along * std::max(1.0, along / static_cast<double>(row_stride));
  return {factor * covariance, std::sqrt(squares / freedom), std::sqrt(variance * inverse(0, 0))};
}

}  // namespace action_images::detail
