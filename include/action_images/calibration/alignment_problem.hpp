// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include <Eigen/Core>
#include <Eigen/Geometry>

#include <action_images/calibration/damped_steps.hpp>
#include <action_images/calibration/point_pixels.hpp>
#include <action_images/calibration/robust_loss.hpp>
#include <action_images/calibration/similarity_fit.hpp>

namespace action_images {

namespace detail {

/// Standard deviation of the two numbers of a pixel from the squares of residuals; with little redundancy at least the
/// expected one.
inline double pixel_deviation(double squares, double freedom, double expected) {
  constexpr double enough = 10.0;
  const double found = std::sqrt(squares / std::max(freedom, 1.0));
  return freedom < enough ? std::max(found, expected) : found;
}

/// The limit beyond which a residual (a distance in the picture) is an outlier [px].
inline double outlier_limit(const std::vector<double>& residuals, double pixel_error) {
  constexpr double median_of_rayleigh = 1.1774, deviations = 4.0;
  const double median = median_of(residuals);
  return deviations * std::max(pixel_error, std::isfinite(median) ? median / median_of_rayleigh : 0.0);
}

/// Scale of the loss for an expected deviation: Cauchy's estimate is then 95 % as efficient as least squares.
inline double loss_scale(double pixel_error) { return 2.385 * pixel_error; }

/// Distances beyond this, and points that a camera does not see, count as this [px].
inline constexpr double unseen_distance = 1e4;

/// Similarity rig_from_known that makes known points project to their pixels; 7 unknowns: shift and turn about the
/// points' centre in the rig's frame, logarithm of the scale.
class AlignmentProblem {
 public:
  AlignmentProblem(const Rig& rig, const std::vector<KnownSighting>& sightings, const Similarity& start, Loss loss)
      : rig_(rig), sightings_(sightings), loss_(loss), rig_from_known_(start) {
    for (const KnownSighting& sighting : sightings) {
      center_ += sighting.in_world / static_cast<double>(sightings.size());
    }
  }

  void use_scale(double scale) { scale_ = scale; }  ///< of the loss [px]

  const Similarity& state() const { return rig_from_known_; }
  void set(const Similarity& state) { rig_from_known_ = state; }
  const Eigen::MatrixXd& normal() const { return normal_; }  ///< 7 x 7
  double weights() const { return weights_; }                ///< sum over the sightings, at the last linearise()

  std::vector<double> distances() const {
    std::vector<double> distances;
    for (const KnownSighting& sighting : sightings_) {
      const auto pixel = camera_of(sighting).project(rig_from_known_ * sighting.in_world);
      distances.push_back(pixel ? std::min((*pixel - sighting.pixel).norm(), unseen_distance) : unseen_distance);
    }
    return distances;
  }

  double cost() const {
    double cost = 0.0;
    for (const double distance : distances()) cost += loss_cost(loss_, distance * distance, scale_);
    return cost;
  }

  double squares() const {
    double squares = 0.0;
    for (const double distance : distances()) {
      squares += loss_weight(loss_, distance * distance, scale_) * distance * distance;
    }
    return squares;
  }

  void linearise() {
    normal_ = Eigen::MatrixXd::Zero(7, 7);
    right_ = Eigen::VectorXd::Zero(7);
    weights_ = 0.0;
    for (const KnownSighting& sighting : sightings_) {
      const auto projection = camera_of(sighting).project_with_derivative(rig_from_known_ * sighting.in_world);
      if (!projection) continue;
      const Eigen::Vector2d error = sighting.pixel - projection->pixel;
      const Eigen::MatrixXd derivative = projection->derivative * motion_of(sighting.in_world);
      const double weight = loss_weight(loss_, error.squaredNorm(), scale_);
      add_to_normal(derivative, error, weight);
      weights_ += weight;
    }
  }

  Similarity stepped(double damping) const {
    const Eigen::VectorXd step = damped_solution(normal_, normal_.diagonal(), right_, damping);
    return step.allFinite() ? moved(step) : rig_from_known_;
  }

  /// The similarity after shift (3), turn (3) and growth (1) about the centre of the known points.
  Similarity moved(const Eigen::VectorXd& step) const {
    const Eigen::Vector3d turn = step.segment<3>(3);
    const Eigen::Vector3d center_in_rig = rig_from_known_ * center_;
    Similarity next = rig_from_known_;
    if (turn.norm() > 0.0) {
      next.rotation = Eigen::AngleAxisd(turn.norm(), turn.normalized()).toRotationMatrix() * rig_from_known_.rotation;
      next.rotation = nearest_rotation(next.rotation);
    }
    next.scale = rig_from_known_.scale * std::exp(std::clamp(step[6], -1.0, 1.0));
    next.translation = center_in_rig + step.head<3>() - next.scale * (next.rotation * center_);
    return next;
  }

  /// Of a known point in the rig's frame, with respect to the 7 unknowns.
  Eigen::MatrixXd motion_of(const Eigen::Vector3d& point) const {
    const Eigen::Vector3d arm = rig_from_known_.scale * (rig_from_known_.rotation * (point - center_));
    Eigen::MatrixXd motion(3, 7);
    motion << 1.0, 0.0, 0.0, 0.0, arm.z(), -arm.y(), arm.x(),  //
        0.0, 1.0, 0.0, -arm.z(), 0.0, arm.x(), arm.y(),        //
        0.0, 0.0, 1.0, arm.y(), -arm.x(), 0.0, arm.z();
    return motion;
  }

 private:
  void add_to_normal(const Eigen::MatrixXd& derivative, const Eigen::Vector2d& error, double weight) {
    for (Eigen::Index i = 0; i < 7; ++i) {
      for (Eigen::Index j = 0; j < 7; ++j) {
        normal_(i, j) += weight * (derivative(0, i) * derivative(0, j) + derivative(1, i) * derivative(1, j));
      }
      right_[i] += weight * (derivative(0, i) * error.x() + derivative(1, i) * error.y());
    }
  }

  const Camera& camera_of(const KnownSighting& sighting) const { return rig_.camera(sighting.view, sighting.time); }

  const Rig& rig_;
  const std::vector<KnownSighting>& sightings_;
  Loss loss_;
  Similarity rig_from_known_;
  Eigen::Vector3d center_ = Eigen::Vector3d::Zero();
  double scale_ = 1.0;
  Eigen::MatrixXd normal_;
  Eigen::VectorXd right_;
  double weights_ = 0.0;
};

/// Descends with a loss that is wide at first, so that a bad start does not make outliers of what is right.
template <typename Problem>
Descent descend_narrowing(Problem& problem, double loss_scale, int most_iterations) {
  Descent total;
  double scale = std::max(loss_scale, std::min(2.0 * median_of(problem.distances()), unseen_distance));
  while (true) {
    problem.use_scale(scale);
    const Descent descent = descend(problem, most_iterations - total.iterations, scale > loss_scale ? 1e-4 : 1e-12);
    total.iterations += descent.iterations;
    total.converged = descent.converged;
    if (scale <= loss_scale) return total;
    scale = std::max(loss_scale, 0.25 * scale);
  }
}

}  // namespace detail

}  // namespace action_images
