// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include <Eigen/Core>
#include <Eigen/LU>

#include <action_images/codec/normal_equations.hpp>
#include <action_images/codec/survey.hpp>

namespace action_images::detail {

/// What lies under a blob and is subtracted from it: a plane.
struct Background {
  double level = 0.0;                                ///< response at `origin`
  Eigen::Vector2d origin = Eigen::Vector2d::Zero();  ///< index coordinates [px]
  Eigen::Vector2d slope = Eigen::Vector2d::Zero();   ///< [1/px]

  double at(const Eigen::Vector2d& index) const { return level + slope.dot(index - origin); }
};

/// Level whose noisy responses have this mean when negative ones are cut off at 0: m = f P(f/s) + s p(f/s).
inline double level_before_cut(double mean, double noise) {
  if (!(noise > 0.0) || mean > 3.0 * noise) return mean;
  if (mean <= 0.3990 * noise) return std::min(mean, 0.0);
  double low = 0.0;
  double high = mean;
  for (int i = 0; i < 20; ++i) {
    const double level = 0.5 * (low + high);
    const double t = level / noise;
    const double cut_mean = 0.5 * level * std::erfc(-t * std::sqrt(0.5)) + noise * 0.3989423 * std::exp(-0.5 * t * t);
    (cut_mean < mean ? low : high) = level;
  }
  return low;
}

/// Calls visit(offset in sigmas, mean) for the cells 3.5 to 7 sigmas from a blob.
template <typename Visit>
void for_each_cell_around(const CellMap& cells, const Eigen::Vector2d& center, double sigma, const Visit& visit) {
  const auto nearest = [&](double value) {
    return static_cast<std::size_t>(std::max(0.0, value / static_cast<double>(cells.grid.cell)));
  };
  const double reach = 7.0 * sigma;
  const std::size_t end_row = std::min(cells.rows, nearest(center.y() + reach) + 1);
  const std::size_t end_column = std::min(cells.columns, nearest(center.x() + reach) + 1);
  for (std::size_t i = nearest(center.y() - reach); i < end_row; ++i) {
    for (std::size_t j = nearest(center.x() - reach); j < end_column; ++j) {
      const Eigen::Vector2d offset = (Eigen::Vector2d(cells.x(j), cells.y(i)) - center) / sigma;
      const double square = offset.squaredNorm();
      if (square > 12.25 && square < 49.0) visit(offset, static_cast<double>(cells.at(i, j)));
    }
  }
}

/// Background under a blob of the given place and size: a plane through the cells around, if it rises clearly, but by
/// less than a second blob would make it, else the floor.
/// @param floor  response away from the blob.
inline Background background_under(const CellMap& cells, const Eigen::Vector2d& center, double sigma, double floor) {
  const Background background{floor, center, Eigen::Vector2d::Zero()};
  double least = 1.0;
  double most = -1.0;
  for_each_cell_around(cells, center, sigma, [&](const Eigen::Vector2d&, double mean) {
    least = std::min(least, mean);
    most = std::max(most, mean);
  });
  if (most - least < 0.004) return background;
  Eigen::Vector3d plane(floor, 0.0, 0.0);
  Eigen::Matrix3d normal;
  double squares = 0.0;
  double weights = 0.0;
  for (const double tolerance : {0.05, 0.02}) {
    normal.setZero();
    Eigen::Vector3d right = Eigen::Vector3d::Zero();
    squares = weights = 0.0;
    for_each_cell_around(cells, center, sigma, [&](const Eigen::Vector2d& offset, double mean) {
      const Eigen::Vector3d basis(1.0, offset.x(), offset.y());
      const double residual = mean - plane.dot(basis);
      const double ratio = residual / tolerance;
      const double trust = 1.0 / ((1.0 + ratio * ratio) * (1.0 + ratio * ratio));
      normal += trust * basis * basis.transpose();
      right += trust * residual * basis;
      squares += trust * residual * residual;
      weights += trust;
    });
    if (weights < 30.0) return background;
    const Eigen::Vector3d step = normal_solution(normal, right);
    plane += step;
    squares -= right.dot(step);
  }
  const Eigen::Matrix3d covariance = std::max(squares, 0.0) / weights * normal.inverse();
  const Eigen::Vector2d slope = plane.tail<2>();
  const double significance = slope.dot(covariance.bottomRightCorner<2, 2>().inverse() * slope);
  if (!(significance > 20.0) || !(slope.norm() > 2e-4) || slope.norm() > 0.02) return background;
  return {plane[0], center, slope / sigma};
}

}  // namespace action_images::detail
