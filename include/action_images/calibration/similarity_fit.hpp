// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

#include <Eigen/Core>
#include <Eigen/LU>
#include <Eigen/SVD>

#include <action_images/calibration/similarity.hpp>

namespace action_images {

/// A similarity and how far it leaves pairs of points, or cameras, from each other.
struct SimilarityFit {
  Similarity similarity;
  double rms = 0.0;               ///< of the residuals that count, weighted [unit of the target]
  double largest = 0.0;           ///< of the residuals that count
  std::vector<double> residuals;  ///< distances |S from_i - to_i|; NaN for pairs that are not finite
  std::vector<bool> inliers;      ///< pairs that count
  double rotation_rms = 0.0;      ///< of the orientations, where poses were compared [rad]
};

struct SimilarityOptions {
  std::vector<double> weights{};  ///< of the pairs, not negative; empty: all 1
  bool scaled = true;             ///< false: the scale is 1
  bool robust = false;            ///< leaves out pairs that contradict most of the others (least median of squares)
};

namespace detail {

/// Corresponding points that are finite and have a weight.
struct PointPairs {
  std::vector<Eigen::Vector3d> from, to;
  std::vector<double> weights;

  std::size_t size() const { return from.size(); }
};

/// Umeyama's closed form with weights (PAMI 1991); nullopt if the points lie on a line or in one place.
inline std::optional<Similarity> similarity_of(const PointPairs& pairs, bool scaled) {
  Eigen::Vector3d from_mean = Eigen::Vector3d::Zero(), to_mean = Eigen::Vector3d::Zero();
  double sum = 0.0;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    from_mean += pairs.weights[i] * pairs.from[i];
    to_mean += pairs.weights[i] * pairs.to[i];
    sum += pairs.weights[i];
  }
  if (!(sum > 0.0)) return std::nullopt;
  from_mean /= sum;
  to_mean /= sum;
  Eigen::Matrix3d covariance = Eigen::Matrix3d::Zero();
  double from_variance = 0.0, to_variance = 0.0;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const Eigen::Vector3d from = pairs.from[i] - from_mean, to = pairs.to[i] - to_mean;
    covariance += pairs.weights[i] / sum * to * from.transpose();
    from_variance += pairs.weights[i] / sum * from.squaredNorm();
    to_variance += pairs.weights[i] / sum * to.squaredNorm();
  }
  const Eigen::JacobiSVD<Eigen::Matrix3d> svd(covariance, Eigen::ComputeFullU | Eigen::ComputeFullV);
  const Eigen::Vector3d singular = svd.singularValues();
  if (!(singular[1] > 1e-9 * std::sqrt(from_variance * to_variance))) return std::nullopt;
  Eigen::Vector3d signs = Eigen::Vector3d::Ones();
  if ((svd.matrixU() * svd.matrixV().transpose()).determinant() < 0.0) signs[2] = -1.0;
  Similarity similarity;
  similarity.rotation = svd.matrixU() * signs.asDiagonal() * svd.matrixV().transpose();
  if (scaled) similarity.scale = singular.dot(signs) / from_variance;
  if (!(similarity.scale > 0.0) || !std::isfinite(similarity.scale)) return std::nullopt;
  similarity.translation = to_mean - similarity.scale * (similarity.rotation * from_mean);
  return similarity;
}

inline double median_of(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

inline std::vector<double> residuals_of(const Similarity& similarity, const PointPairs& pairs) {
  std::vector<double> residuals;
  for (std::size_t i = 0; i < pairs.size(); ++i) residuals.push_back((similarity * pairs.from[i] - pairs.to[i]).norm());
  return residuals;
}

/// Weights of 0 for pairs further off than 2.5 robust standard deviations. Rousseeuw & Leroy 1987.
inline PointPairs without_outliers(const PointPairs& pairs, const Similarity& similarity) {
  const auto residuals = residuals_of(similarity, pairs);
  // 1.538: median of the length of a 3-D normal vector
  const double limit = 2.5 * std::sqrt(3.0) * std::max(median_of(residuals) / 1.538, 1e-12);
  PointPairs kept = pairs;
  for (std::size_t i = 0; i < pairs.size(); ++i) kept.weights[i] *= residuals[i] <= limit ? 1.0 : 0.0;
  return kept;
}

/// The similarity of three pairs, of many drawn with a fixed seed, whose median residual is least.
inline std::optional<Similarity> least_median_similarity(const PointPairs& pairs, bool scaled) {
  constexpr int draws = 500;
  std::mt19937 random(1);
  std::optional<Similarity> best;
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < draws; ++i) {
    PointPairs three;
    for (int j = 0; j < 3; ++j) {
      const std::size_t index = random() % pairs.size();
      three.from.push_back(pairs.from[index]);
      three.to.push_back(pairs.to[index]);
      three.weights.push_back(1.0);
    }
    const auto similarity = similarity_of(three, scaled);
    const double median = similarity ? median_of(residuals_of(*similarity, pairs)) : least;
    if (!(median < least)) continue;
    least = median;
    best = similarity;
  }
  return best;
}

inline SimilarityFit measured(const Similarity& similarity, const std::vector<Eigen::Vector3d>& from,
                              const std::vector<Eigen::Vector3d>& to, const std::vector<double>& weights) {
  SimilarityFit fit{similarity, 0.0, 0.0, {}, {}, 0.0};
  double sum = 0.0;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const double residual = (similarity * from[i] - to[i]).norm();
    fit.residuals.push_back(residual);
    fit.inliers.push_back(weights[i] > 0.0);
    if (!(weights[i] > 0.0)) continue;
    fit.rms += weights[i] * residual * residual;
    fit.largest = std::max(fit.largest, residual);
    sum += weights[i];
  }
  fit.rms = std::sqrt(fit.rms / sum);
  return fit;
}

/// Weights that are 0 for pairs that are not finite.
inline std::vector<double> finite_weights(const std::vector<Eigen::Vector3d>& from,
                                          const std::vector<Eigen::Vector3d>& to, std::vector<double> weights) {
  if (weights.empty()) weights.assign(from.size(), 1.0);
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (!from[i].allFinite() || !to[i].allFinite()) weights[i] = 0.0;
  }
  return weights;
}

inline void check_pairs(std::size_t from, std::size_t to, const SimilarityOptions& options, std::string_view where) {
  check_shape(from == to, where, "to", text_of('(', from, ", 3)"), {static_cast<std::int64_t>(to), 3});
  check_shape(options.weights.empty() || options.weights.size() == from, where, "weights", text_of('(', from, ",)"),
              {static_cast<std::int64_t>(options.weights.size())});
  for (const double weight : options.weights) {
    check(std::isfinite(weight) && weight >= 0.0, where, "weights", "numbers that are not negative", weight);
  }
}

}  // namespace detail

/// The similarity that brings points onto others with the least weighted squares of distances; pairs that are not
/// finite are left out.
/// @throws ShapeError if there are not as many; NumericalError for fewer than three pairs, or points on a line.
inline SimilarityFit similarity_from_points(const std::vector<Eigen::Vector3d>& from,
                                            const std::vector<Eigen::Vector3d>& to,
                                            const SimilarityOptions& options = {}) {
  constexpr std::string_view where = "codec::similarity_from_points";
  detail::check_pairs(from.size(), to.size(), options, where);
  std::vector<double> weights = detail::finite_weights(from, to, options.weights);
  detail::PointPairs pairs;
  std::vector<std::size_t> index;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (!(weights[i] > 0.0)) continue;
    pairs.from.push_back(from[i]);
    pairs.to.push_back(to[i]);
    pairs.weights.push_back(weights[i]);
    index.push_back(i);
  }
  check<NumericalError>(pairs.size() >= 3, where, "from, to", "three finite pairs of points or more", pairs.size());
  auto similarity = options.robust ? detail::least_median_similarity(pairs, options.scaled)
                                   : detail::similarity_of(pairs, options.scaled);
  for (int i = 0; i < 3 && similarity && options.robust; ++i) {
    const detail::PointPairs kept = detail::without_outliers(pairs, *similarity);
    similarity = detail::similarity_of(kept, options.scaled);
    for (std::size_t j = 0; j < index.size(); ++j) weights[index[j]] = kept.weights[j];
  }
  check<NumericalError>(similarity.has_value(), where, "from, to", "points that do not lie on a line",
                        "a line, or a single place");
  return detail::measured(*similarity, from, to, weights);
}

/// The similarity that brings the cameras of one rig onto those of another one with as many: the rotation from the
/// orientations (chordal mean), then scale and translation from the centres. Two cameras are enough.
/// @throws ValueError if the rigs differ in views or frames; NumericalError if all cameras of `from` are in one place,
///         which tells no scale.
inline SimilarityFit similarity_from_rigs(const Rig& from, const Rig& to) {
  constexpr std::string_view where = "codec::similarity_from_rigs";
  check(from.size() == to.size() && from.frames() == to.frames(), where, "to",
        text_of(from.size(), " views of ", from.frames(), " frames"),
        text_of(to.size(), " views of ", to.frames(), " frames"));
  Eigen::Matrix3d turns = Eigen::Matrix3d::Zero();
  std::vector<Eigen::Vector3d> from_centers, to_centers;
  Eigen::Vector3d from_mean = Eigen::Vector3d::Zero(), to_mean = Eigen::Vector3d::Zero();
  for (auto a = from.begin(), b = to.begin(); a != from.end(); ++a, ++b) {
    turns += b->world_from_camera().linear() * a->world_from_camera().linear().transpose();
    from_centers.push_back(a->center());
    to_centers.push_back(b->center());
    from_mean += a->center();
    to_mean += b->center();
  }
  const auto count = static_cast<double>(from_centers.size());
  from_mean /= count;
  to_mean /= count;
  const Eigen::JacobiSVD<Eigen::Matrix3d> svd(turns, Eigen::ComputeFullU | Eigen::ComputeFullV);
  Eigen::Vector3d signs = Eigen::Vector3d::Ones();
  if ((svd.matrixU() * svd.matrixV().transpose()).determinant() < 0.0) signs[2] = -1.0;
  Similarity similarity;
  similarity.rotation = svd.matrixU() * signs.asDiagonal() * svd.matrixV().transpose();
  double across = 0.0, spread = 0.0;
  for (std::size_t i = 0; i < from_centers.size(); ++i) {
    const Eigen::Vector3d turned = similarity.rotation * (from_centers[i] - from_mean);
    across += turned.dot(to_centers[i] - to_mean);
    spread += turned.squaredNorm();
  }
  check<NumericalError>(spread > 0.0 && across > 0.0, where, "from", "cameras in two places that the others agree with",
                        "cameras in one place, or of another scene");
  similarity.scale = across / spread;
  similarity.translation = to_mean - similarity.scale * (similarity.rotation * from_mean);
  SimilarityFit fit =
      detail::measured(similarity, from_centers, to_centers, std::vector<double>(from_centers.size(), 1.0));
  for (auto a = from.begin(), b = to.begin(); a != from.end(); ++a, ++b) {
    const Eigen::Matrix3d turn =
        b->world_from_camera().linear().transpose() * similarity.rotation * a->world_from_camera().linear();
    const double angle = Eigen::AngleAxisd(turn).angle();
    fit.rotation_rms += angle * angle / count;
  }
  fit.rotation_rms = std::sqrt(fit.rotation_rms);
  return fit;
}

/// The scale that makes the distance of two views' cameras, at a frame, the known one: a similarity about the origin of
/// the rig's world. One distance leaves nothing to compare with; its error becomes the scale's.
/// @throws ValueError for a view that there is not, twice the same, or a distance that is not positive; NumericalError
///         if both cameras are in one place.
inline Similarity scale_from_camera_distance(const Rig& rig, std::array<std::size_t, 2> views, double distance,
                                             std::size_t time = 0) {
  constexpr std::string_view where = "codec::scale_from_camera_distance";
  const bool there = std::max(views[0], views[1]) < rig.size() && views[0] != views[1];
  check(there, where, "views", text_of("two different ones of ", rig.size()), text_of(views[0], ", ", views[1]));
  check(std::isfinite(distance) && distance > 0.0, where, "distance", "a positive length in metres", distance);
  check(!rig.is_moving() || time < rig.frames(), where, "time", text_of("a frame below ", rig.frames()), time);
  const double apart = (rig.camera(views[0], time).center() - rig.camera(views[1], time).center()).norm();
  check<NumericalError>(apart > 1e-12, where, "rig", "cameras in two places", "both in one");
  return {distance / apart, Eigen::Matrix3d::Identity(), Eigen::Vector3d::Zero()};
}

}  // namespace action_images
