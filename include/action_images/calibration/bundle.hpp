// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <Eigen/Core>
#include <Eigen/LU>

#include <action_images/calibration/alignment_problem.hpp>
#include <action_images/calibration/camera_unknowns.hpp>
#include <action_images/calibration/point_pixels.hpp>
#include <action_images/calibration/robust_loss.hpp>

namespace action_images {

namespace detail {

struct BundleState {
  std::vector<Camera> cameras;          ///< V
  std::vector<Eigen::Vector3d> points;  ///< by 3 time + PointIndex [m]
};

/// Cameras, and points if they are free, that make the points project to their pixels. Free points are eliminated from
/// the normal equations (Schur complement). Triggs et al., Bundle Adjustment, 2000.
class BundleProblem {
 public:
  /// @param point_weight  of a squared distance of a point from where it is known to be, against squared pixels
  ///                      [px^2/m^2]; infinity: the points stay; 0: they are free.
  BundleProblem(BundleState start, const std::vector<KnownSighting>& sightings, const CameraUnknowns& unknowns,
                double point_weight, Loss loss)
      : state_(std::move(start)),
        known_(state_.points),
        sightings_(sightings),
        unknowns_(unknowns),
        point_weight_(point_weight),
        loss_(loss),
        of_point_(state_.points.size()) {
    for (std::size_t i = 0; i < sightings.size(); ++i) of_point_[sightings[i].point].push_back(i);
  }

  void use_scale(double scale) { scale_ = scale; }  ///< of the loss [px]
  const BundleState& state() const { return state_; }
  void set(const BundleState& state) { state_ = state; }
  double weights() const { return weights_; }                ///< sum over the sightings, at the last linearise()
  const Eigen::MatrixXd& normal() const { return normal_; }  ///< of the cameras' unknowns, points eliminated
  bool has_free_points() const { return std::isfinite(point_weight_); }

  std::vector<double> distances() const {
    std::vector<double> distances;
    for (const KnownSighting& sighting : sightings_) {
      const auto pixel = state_.cameras[sighting.view].project(state_.points[sighting.point]);
      distances.push_back(pixel ? std::min((*pixel - sighting.pixel).norm(), unseen_distance) : unseen_distance);
    }
    return distances;
  }

  double cost() const {
    double cost = 0.0;
    for (const double distance : distances()) cost += loss_cost(loss_, distance * distance, scale_);
    return cost + prior();
  }

  /// Weighted squares of the residuals [px^2].
  double squares() const {
    double squares = 0.0;
    for (const double distance : distances()) {
      squares += loss_weight(loss_, distance * distance, scale_) * distance * distance;
    }
    return squares + prior();
  }

  void linearise() {
    rows_.clear();
    weights_ = 0.0;
    for (const KnownSighting& sighting : sightings_) {
      const Camera& camera = state_.cameras[sighting.view];
      const auto projection = camera.project_with_derivative(state_.points[sighting.point]);
      if (!projection) {
        rows_.push_back({});
        continue;
      }
      const Eigen::Vector2d error = sighting.pixel - projection->pixel;
      const double weight = loss_weight(loss_, error.squaredNorm(), scale_);
      rows_.push_back({weight, error, camera_derivative(camera, *projection, state_.points[sighting.point], unknowns_),
                       projection->derivative});
      weights_ += weight;
    }
    reduce(0.0);
  }

  BundleState stepped(double damping) {
    reduce(damping);
    const Eigen::VectorXd step = damped_solution(normal_, diagonal_, right_, damping);
    if (!step.allFinite()) return state_;
    BundleState next = state_;
    for (std::size_t view = 0; view < next.cameras.size(); ++view) {
      next.cameras[view] = stepped_camera(state_.cameras[view], step_of(view, step), unknowns_);
    }
    if (!has_free_points()) return next;
    for (std::size_t point = 0; point < of_point_.size(); ++point) {
      if (!of_point_[point].empty()) next.points[point] += step_of_point(point, step, damping);
    }
    return next;
  }

 private:
  /// A sighting's part of the normal equations; weight 0 and empty if its camera does not see the point.
  struct Row {
    double weight = 0.0;
    Eigen::Vector2d error = Eigen::Vector2d::Zero();
    Eigen::MatrixXd by_camera{};  ///< (2, of_view)
    Eigen::Matrix<double, 2, 3> by_point = Eigen::Matrix<double, 2, 3>::Zero();
  };

  struct PointBlock {
    Eigen::Matrix3d normal;
    Eigen::Vector3d right;
  };

  double prior() const {
    if (!has_free_points()) return 0.0;
    double prior = 0.0;
    for (std::size_t point = 0; point < of_point_.size(); ++point) {
      if (of_point_[point].empty()) continue;
      prior += point_weight_ * (state_.points[point] - known_[point]).squaredNorm();
    }
    return prior;
  }

  Eigen::VectorXd step_of(std::size_t view, const Eigen::VectorXd& step) const {
    Eigen::VectorXd own(unknowns_.of_view());
    for (Eigen::Index i = 0; i < own.size(); ++i) own[i] = step[unknowns_.column(view, i)];
    return own;
  }

  PointBlock block_of(std::size_t point, double damping) const {
    PointBlock block{point_weight_ * Eigen::Matrix3d::Identity(),
                     point_weight_ * (known_[point] - state_.points[point])};
    for (const std::size_t i : of_point_[point]) {
      const Row& row = rows_[i];
      if (row.weight == 0.0) continue;
      block.normal += row.weight * row.by_point.transpose() * row.by_point;
      block.right += row.weight * row.by_point.transpose() * row.error;
    }
    block.normal.diagonal() *= 1.0 + damping;
    block.normal.diagonal().array() += 1e-12 * block.normal.trace() + 1e-300;
    return block;
  }

  Eigen::Vector3d step_of_point(std::size_t point, const Eigen::VectorXd& step, double damping) const {
    const PointBlock block = block_of(point, damping);
    Eigen::Vector3d right = block.right;
    for (const std::size_t i : of_point_[point]) {
      const Row& row = rows_[i];
      if (row.weight == 0.0) continue;
      const Eigen::Vector2d moved = row.by_camera * step_of(sightings_[i].view, step);
      right -= row.weight * (row.by_point.transpose() * moved);
    }
    return block.normal.inverse() * right;
  }

  void add(std::size_t view_a, std::size_t view_b, const Eigen::MatrixXd& block) {
    for (Eigen::Index i = 0; i < block.rows(); ++i) {
      for (Eigen::Index j = 0; j < block.cols(); ++j) {
        normal_(unknowns_.column(view_a, i), unknowns_.column(view_b, j)) += block(i, j);
      }
    }
  }

  void add_right(std::size_t view, const Eigen::VectorXd& part) {
    for (Eigen::Index i = 0; i < part.size(); ++i) right_[unknowns_.column(view, i)] += part[i];
  }

  /// Normal equations of the cameras, from the rows; free points eliminated with this damping.
  void reduce(double damping) {
    normal_.setZero(unknowns_.count(), unknowns_.count());
    right_.setZero(unknowns_.count());
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const Row& row = rows_[i];
      if (row.weight == 0.0) continue;
      const Eigen::MatrixXd weighted = row.weight * row.by_camera.transpose();
      add(sightings_[i].view, sightings_[i].view, weighted * row.by_camera);
      add_right(sightings_[i].view, weighted * row.error);
    }
    diagonal_ = normal_.diagonal();
    if (!has_free_points()) return;
    for (std::size_t point = 0; point < of_point_.size(); ++point) eliminate(point, damping);
  }

  void eliminate(std::size_t point, double damping) {
    if (of_point_[point].empty()) return;
    const PointBlock block = block_of(point, damping);
    const Eigen::Matrix3d inverse = block.normal.inverse();
    std::vector<std::pair<std::size_t, Eigen::MatrixXd>> couplings;  // view, (of_view, 3)
    for (const std::size_t i : of_point_[point]) {
      const Row& row = rows_[i];
      if (row.weight == 0.0) continue;
      const Eigen::MatrixXd weighted = row.weight * row.by_camera.transpose();
      couplings.emplace_back(sightings_[i].view, weighted * row.by_point);
    }
    for (const auto& [view, coupling] : couplings) {
      const Eigen::MatrixXd weighted = -coupling * inverse;
      add_right(view, weighted * block.right);
      for (const auto& [other, its] : couplings) add(view, other, weighted * its.transpose());
    }
  }

  BundleState state_;
  std::vector<Eigen::Vector3d> known_;
  const std::vector<KnownSighting>& sightings_;
  CameraUnknowns unknowns_;
  double point_weight_;
  Loss loss_;
  std::vector<std::vector<std::size_t>> of_point_;
  double scale_ = 1.0;
  std::vector<Row> rows_;
  Eigen::MatrixXd normal_;
  Eigen::VectorXd right_;
  Eigen::VectorXd diagonal_;
  double weights_ = 0.0;
};

}  // namespace detail

}  // namespace action_images
