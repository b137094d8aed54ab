// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

#include <Eigen/Core>

#include <action_images/codec/confidence.hpp>
#include <action_images/codec/correspondence.hpp>
#include <action_images/codec/decoded.hpp>
#include <action_images/codec/openness.hpp>
#include <action_images/codec/picture.hpp>
#include <action_images/codec/pose.hpp>
#include <action_images/codec/rig.hpp>

namespace action_images {

/// Puts together what the views of one frame show: which blobs belong together, where the three points are, the
/// action. One object serves all frames of a thread and allocates nothing from the second frame on.
class FrameReader {
 public:
  FrameReader(const Rig& rig, const DecodeOptions& options)
      : rig_(rig),
        options_(options),
        layout_(layout_of(options.convention, options.threshold)),
        sigma_(sigma_of(options.sigma, rig)) {}

  /// Reads a frame of V >= 2 views into `decoded`; leaves it undecoded if its points cannot be found.
  void read(const std::vector<PictureReading>& views, std::size_t time, Decoded& decoded) {
    record_sightings(views, time, decoded);
    const OpennessReading openness = read_openness(views, layout_);
    if (openness.confidence >= 1.0) decoded.actions[time].openness = openness.openness;
    for (std::size_t point = 0; point < 3; ++point) find_point(views, point, time);
    const auto chosen = best_triple();
    if (!chosen) return;
    const double inflation = inflation_of(*chosen);
    for (std::size_t point = 0; point < 3; ++point) {
      record_point(views, point, time, (*chosen)[point], inflation, decoded);
    }
    record_action(openness, time, decoded);
  }

 private:
  using Triple = std::array<const Correspondence*, 3>;

  double tolerance() const { return 0.05 * options_.axis_length; }

  /// The best blob of every view, until a correspondence says which one it is.
  void record_sightings(const std::vector<PictureReading>& views, std::size_t time, Decoded& decoded) const {
    for (std::size_t view = 0; view < views.size(); ++view) {
      for (std::size_t point = 0; point < 3; ++point) {
        const Peaks& peaks = views[view].peaks[point];
        if (!peaks.empty()) record_sighting(peaks.front(), {time, point, view}, decoded);
      }
    }
  }

  static void record_sighting(const Peak& peak, const std::array<std::size_t, 3>& place, Decoded& decoded) {
    const auto [time, point, view] = place;
    decoded.pixels(time, point, view, 0) = peak.index.x();
    decoded.pixels(time, point, view, 1) = peak.index.y();
    decoded.sigma(time, point, view) = peak.sigma;
  }

  void find_point(const std::vector<PictureReading>& views, std::size_t point, std::size_t time) {
    search_.start(sigma_);
    for (std::size_t view = 0; view < views.size(); ++view) {
      search_.add(rig_.camera(view, time), views[view].peaks[point]);
    }
    const auto& found = search_.find();
    found_[point].assign(found.begin(), found.end());
  }

  /// The explanations of the three points that together fit a rigid gripper best; nullopt if a point has none.
  std::optional<Triple> best_triple() const {
    std::optional<Triple> best;
    double least = 0.0;
    for (const Correspondence& position : found_[position_point]) {
      for (const Correspondence& normal : found_[normal_point]) {
        for (const Correspondence& up : found_[up_point]) {
          ActionPoints points;
          points << position.triangulated.point, normal.triangulated.point, up.triangulated.point;
          const double misfit = 50.0 * rigidity_misfit(points, options_.axis_length);
          const double cost = position.cost + normal.cost + up.cost + (misfit < 20.0 ? misfit : 20.0);
          if (best && !(cost < least)) continue;
          least = cost;
          best = Triple{&position, &normal, &up};
        }
      }
    }
    return best;
  }

  /// Factor of the covariances by which the views of this frame disagree more than the blobs' own errors explain.
  static double inflation_of(const Triple& triple) {
    constexpr double prior = 3.0;  // so many degrees of freedom with the expected disagreement
    double chi_square = prior;
    double freedom = prior;
    for (const Correspondence* point : triple) {
      chi_square += point->triangulated.chi_square;
      freedom += point->triangulated.freedom;
    }
    return std::max(1.0, chi_square / freedom);
  }

  void record_point(const std::vector<PictureReading>& views, std::size_t point, std::size_t time,
                    const Correspondence* correspondence, double inflation, Decoded& decoded) const {
    const Eigen::Vector3d& place = correspondence->triangulated.point;
    const Eigen::Matrix3d covariance = inflation * correspondence->triangulated.covariance;
    for (Eigen::Index i = 0; i < 9; ++i) {
      (&decoded.covariance(time, point, 0, 0))[i] = 1e6 * covariance(i / 3, i % 3);
    }
    decoded.points_at(time).col(static_cast<Eigen::Index>(point)) = place;
    double scores = 0.0;
    double seen = 0.0;
    double used = 0.0;
    for (std::size_t view = 0; view < views.size(); ++view) {
      const Peaks& peaks = views[view].peaks[point];
      if (peaks.empty()) continue;
      seen += 1.0;
      const int choice = correspondence->chosen[view];
      const Peak& peak = peaks[static_cast<std::size_t>(std::max(choice, 0))];
      record_sighting(peak, {time, point, view}, decoded);
      const auto pixel = rig_.camera(view, time).project(place);
      if (pixel) decoded.reprojection_error(time, point, view) = (*pixel - peak.index).norm();
      if (choice < 0) continue;
      decoded.used(time, point, view) = true;
      scores += peak.score;
      used += 1.0;
    }
    decoded.point_confidence(time, point) = chance_within(covariance, tolerance()) * scores / used * (used / seen);
  }

  void record_action(const OpennessReading& openness, std::size_t time, Decoded& decoded) const {
    const ActionPoints points = decoded.points_at(time);
    Eigen::Vector3d variances;
    double confidence = openness.confidence;
    double least = 1.0;
    for (std::size_t point = 0; point < 3; ++point) {
      variances[static_cast<Eigen::Index>(point)] = decoded.covariance(time, point, 0, 0) +
                                                    decoded.covariance(time, point, 1, 1) +
                                                    decoded.covariance(time, point, 2, 2);
      least = std::min(least, decoded.point_confidence(time, point));
    }
    const auto fitted = rotation_from_points(points, options_.axis_length, variances);
    if (!fitted) return;
    confidence *= least * fitted->rigidity;
    confidence = calibrated_confidence(confidence);
    if (!(confidence >= options_.min_confidence)) return;
    decoded.confidence[time] = confidence;
    decoded.actions[time] = {points.col(position_point), euler_from_rotation(fitted->rotation), openness.openness};
  }

  const Rig& rig_;
  const DecodeOptions& options_;
  PixelLayout layout_;
  double sigma_;
  CorrespondenceSearch search_;
  std::array<std::vector<Correspondence>, 3> found_;
};

}  // namespace action_images
