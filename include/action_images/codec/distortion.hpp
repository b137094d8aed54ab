// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <Eigen/Core>
#include <Eigen/LU>

#include <action_images/core/check.hpp>

namespace action_images {

/// Lens models, with OpenCV's coefficients in OpenCV's order.
///   none           pinhole
///   brown_conrady  k1 k2 p1 p2 [k3 [k4 k5 k6]]: radial (rational with k4..k6) and tangential
///   fisheye        k1 k2 k3 k4: equidistant, theta (1 + k1 theta^2 + k2 theta^4 + k3 theta^6 + k4 theta^8)
enum class LensModel { none, brown_conrady, fisheye };

inline std::string_view name_of(LensModel model) {
  constexpr std::array<std::string_view, 3> names{"none", "brown_conrady", "fisheye"};
  return names[static_cast<std::size_t>(model)];
}

/// @throws ValueError unless the name is "none", "brown_conrady" or "fisheye".
inline LensModel lens_model_from_name(std::string_view name) {
  for (const LensModel model : {LensModel::none, LensModel::brown_conrady, LensModel::fisheye}) {
    if (name == name_of(model)) return model;
  }
  throw ValueError(expected_text("codec::lens_model_from_name", "model", "\"none\", \"brown_conrady\" or \"fisheye\"",
                                 text_of('"', name.substr(0, 40), '"')));
}

/// Where a lens moves the points of the plane z = 1 in front of a camera. Points are (x / z, y / z), without unit.
class Distortion {
 public:
  /// A point and the derivative of the moved one with respect to it.
  struct Moved {
    Eigen::Vector2d point;
    Eigen::Matrix2d derivative;
  };

  Distortion() = default;

  /// @param coefficients  as many as the model takes: brown_conrady 4, 5 or 8; fisheye 4; none 0.
  /// @throws ValueError for another number of them, or one that is not finite.
  Distortion(LensModel model, std::vector<double> coefficients) : model_(model), given_(std::move(coefficients)) {
    const std::size_t count = given_.size();
    const bool fits = model == LensModel::none      ? count == 0
                      : model == LensModel::fisheye ? count == 4
                                                    : count == 4 || count == 5 || count == 8;
    check(fits, "codec::Distortion", "coefficients",
          model == LensModel::none      ? "none"
          : model == LensModel::fisheye ? "4 of a fisheye lens"
                                        : "4, 5 or 8 of a Brown-Conrady lens",
          count);
    const bool finite = std::all_of(given_.begin(), given_.end(), [](double value) { return std::isfinite(value); });
    check(finite, "codec::Distortion", "coefficients", "finite numbers", "NaN or infinity");
    std::copy(given_.begin(), given_.end(), k_.begin());
  }

  LensModel model() const { return model_; }
  const std::vector<double>& coefficients() const { return given_; }
  bool is_none() const { return model_ == LensModel::none; }

  /// The point as the lens shows it. nullopt beyond the field of view in which the model is one-to-one.
  std::optional<Moved> apply(const Eigen::Vector2d& point) const {
    if (is_none()) return Moved{point, Eigen::Matrix2d::Identity()};
    const std::optional<Moved> moved = model_ == LensModel::fisheye ? fisheye(point) : brown_conrady(point);
    const bool one_to_one = moved && moved->point.allFinite() && moved->derivative.determinant() > 1e-9;
    return one_to_one ? moved : std::nullopt;
  }

  /// The point that `apply` moves to `shown` (Newton's method). nullopt if there is none.
  std::optional<Eigen::Vector2d> remove(const Eigen::Vector2d& shown) const {
    if (is_none()) return shown;
    Eigen::Vector2d point = start_of(shown);
    for (int step = 0; step < 50; ++step) {
      const auto moved = apply(point);
      if (!moved) {
        point *= 0.5;  // stepped out of the field of view
        continue;
      }
      const Eigen::Vector2d error = shown - moved->point;
      if (error.norm() <= 1e-14 * (1.0 + shown.norm())) return point;
      point += moved->derivative.inverse() * error;
    }
    const auto moved = apply(point);
    return moved && (shown - moved->point).norm() < 1e-9 * (1.0 + shown.norm()) ? std::optional(point) : std::nullopt;
  }

 private:
  Eigen::Vector2d start_of(const Eigen::Vector2d& shown) const {
    if (model_ != LensModel::fisheye) return shown;
    const double angle = std::min(shown.norm(), 1.5);
    return angle > 1e-8 ? Eigen::Vector2d(shown * (std::tan(angle) / shown.norm())) : shown;
  }

  std::optional<Moved> brown_conrady(const Eigen::Vector2d& point) const {
    const auto [k1, k2, p1, p2, k3, k4, k5, k6] = k_;
    const double x = point.x(), y = point.y();
    const double r2 = point.squaredNorm();
    const double above = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3));
    const double below = 1.0 + r2 * (k4 + r2 * (k5 + r2 * k6));
    const double radial = above / below;
    // The derivative with respect to r^2.
    const double slope =
        ((k1 + r2 * (2.0 * k2 + 3.0 * k3 * r2)) - radial * (k4 + r2 * (2.0 * k5 + 3.0 * k6 * r2))) / below;
    // Beyond the largest radius of the one-to-one field r * radial falls again.
    if (!(below > 0.0) || !(radial > 0.0) || !(radial + 2.0 * r2 * slope > 0.0)) return std::nullopt;
    Moved moved;
    moved.point << x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x),
        y * radial + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y;
    const double across = 2.0 * x * y * slope + 2.0 * p1 * x + 2.0 * p2 * y;
    moved.derivative << radial + 2.0 * x * x * slope + 2.0 * p1 * y + 6.0 * p2 * x, across, across,
        radial + 2.0 * y * y * slope + 6.0 * p1 * y + 2.0 * p2 * x;
    return moved;
  }

  std::optional<Moved> fisheye(const Eigen::Vector2d& point) const {
    const double r = point.norm();
    if (r < 1e-8) return Moved{point, Eigen::Matrix2d::Identity()};
    const double theta = std::atan(r);
    const double t2 = theta * theta;
    const double angle = theta * (1.0 + t2 * (k_[0] + t2 * (k_[1] + t2 * (k_[2] + t2 * k_[3]))));
    const double slope = (1.0 + t2 * (3.0 * k_[0] + t2 * (5.0 * k_[1] + t2 * (7.0 * k_[2] + t2 * 9.0 * k_[3])))) /
                         (1.0 + r * r);  // d angle / d r
    if (!(angle > 0.0) || !(slope > 0.0)) return std::nullopt;
    const Eigen::Vector2d along = point / r;
    const Eigen::Matrix2d outer = along * along.transpose();
    return Moved{along * angle, slope * outer + angle / r * (Eigen::Matrix2d::Identity() - outer)};
  }

  LensModel model_ = LensModel::none;
  std::vector<double> given_;
  std::array<double, 8> k_{};
};

}  // namespace action_images
