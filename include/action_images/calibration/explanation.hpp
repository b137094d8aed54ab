// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <action_images/codec/mixup.hpp>
#include <action_images/calibration/observation.hpp>
#include <action_images/calibration/rigid_fit.hpp>

namespace action_images {

/// Distances between where points are and where they are seen [px].
struct ReprojectionError {
  double median = std::numeric_limits<double>::quiet_NaN();
  double largest = std::numeric_limits<double>::quiet_NaN();
  std::size_t count = 0;

  static ReprojectionError of(std::vector<double> distances) {
    if (distances.empty()) return {};
    const auto middle = distances.begin() + static_cast<std::ptrdiff_t>(distances.size() / 2);
    std::nth_element(distances.begin(), middle, distances.end());
    return {*middle, *std::max_element(distances.begin(), distances.end()), distances.size()};
  }
};

/// How the channels of action images are read.
struct ChannelReading {
  std::string_view name;  ///< "as_given", "convention", "channels" or "half_pixel"
  PixelLayout layout;
};

/// As the convention says; as the other one does; and with only one of their two differences.
inline std::array<ChannelReading, 4> channel_readings(Convention convention) {
  const Convention other = convention == Convention::paper ? Convention::release : Convention::paper;
  const PixelLayout mine = layout_of(convention), theirs = layout_of(other);
  return {{{"as_given", mine},
           {"convention", theirs},
           {"channels", {theirs.point_of_channel, mine.pixel_offset, mine.binary_openness}},
           {"half_pixel", {mine.point_of_channel, theirs.pixel_offset, mine.binary_openness}}}};
}

/// What might have been mixed up, and how well the pictures fit if so.
struct Explanation {
  ChannelReading reading;
  std::vector<Mixup> mixups;       ///< of every view
  std::vector<std::size_t> order;  ///< camera of the rig that took the pictures of every view
  double error = 0.0;              ///< the views' largest median [px]
};

namespace detail {

/// Errors up to here are no reason to doubt [px].
inline constexpr double usual_error = 0.1;

/// The cameras of a rig under each mix-up, and what its pictures show.
class Evidence {
 public:
  Evidence(const Rig& rig, const Observations& observations, Convention convention, double axis_length)
      : rig_(rig), seen_(observations), readings_(channel_readings(convention)), axis_length_(axis_length) {}

  std::size_t views() const { return rig_.size(); }
  std::size_t frames() const { return seen_.times.size(); }
  const std::array<ChannelReading, 4>& readings() const { return readings_; }
  double penalty() const { return rig_.width() + rig_.height(); }  ///< for points that are not seen [px]

  Explanation as_given() const {
    Explanation given{readings_[0], std::vector<Mixup>(views(), Mixup::none), std::vector<std::size_t>(views())};
    std::iota(given.order.begin(), given.order.end(), std::size_t{0});
    return given;
  }

  std::optional<Camera> camera(const Explanation& as, std::size_t view, std::size_t index) const {
    return corrected(rig_.camera(as.order[view], rig_.is_moving() ? seen_.times[index] : 0), as.mixups[view]);
  }

  /// Distances of the projections of points, one set for every frame, from the peaks of one view.
  /// @param only  one point instead of all three.
  std::vector<double> distances(const Explanation& as, std::size_t view, const std::vector<ActionPoints>& points,
                                std::optional<std::size_t> only = {}) const {
    std::vector<double> distances;
    for (std::size_t index = 0; index < frames(); ++index) {
      const auto seen_by = camera(as, view, index);
      for (std::size_t channel = 0; channel < 3; ++channel) {
        const auto& peak = seen_.at(view, index)[channel];
        const auto point = static_cast<std::size_t>(as.reading.layout.point_of_channel[channel]);
        if (!peak || (only && *only != point)) continue;
        const Eigen::Vector3d place = points[index].col(static_cast<Eigen::Index>(point));
        const auto pixel = seen_by && place.allFinite() ? seen_by->project(place) : std::nullopt;
        const Eigen::Vector2d seen_at = peak->array() + as.reading.layout.pixel_offset;
        distances.push_back(pixel ? std::min(penalty(), (*pixel - seen_at).norm()) : penalty());
      }
    }
    return distances;
  }

  /// What all views see of one frame. `cameras` is filled with those that the result points to.
  std::vector<PointSighting> sightings(const Explanation& as, std::size_t index, std::vector<Camera>& cameras) const {
    cameras.clear();
    cameras.reserve(views());
    std::vector<PointSighting> sightings;
    for (std::size_t view = 0; view < views(); ++view) {
      const auto seen_by = camera(as, view, index);
      if (!seen_by) continue;
      cameras.push_back(*seen_by);
      for (std::size_t channel = 0; channel < 3; ++channel) {
        const auto& peak = seen_.at(view, index)[channel];
        if (!peak) continue;
        sightings.push_back({&cameras.back(), as.reading.layout.point_of_channel[channel],
                             peak->array() + as.reading.layout.pixel_offset});
      }
    }
    return sightings;
  }

  /// Points of rigid poses fitted to what all views see, one set for every frame; NaN where there is none.
  std::vector<ActionPoints> fitted_points(const Explanation& as) const {
    std::vector<ActionPoints> points;
    std::vector<Camera> cameras;
    for (std::size_t index = 0; index < frames(); ++index) {
      const auto fitted = fit_rigid_points(sightings(as, index, cameras), axis_length_);
      points.push_back(fitted.value_or(ActionPoints::Constant(std::numeric_limits<double>::quiet_NaN())));
    }
    return points;
  }

  /// The views' largest median error, for known points or, without, for points fitted to the pictures themselves.
  double error_of(const Explanation& as, const std::optional<std::vector<ActionPoints>>& known) const {
    const std::vector<ActionPoints> points = known ? *known : fitted_points(as);
    double error = 0.0;
    for (std::size_t view = 0; view < views(); ++view) {
      const auto in_view = ReprojectionError::of(distances(as, view, points));
      if (in_view.count > 0) error = std::max(error, in_view.median);
    }
    return error;
  }

 private:
  const Rig& rig_;
  const Observations& seen_;
  std::array<ChannelReading, 4> readings_;
  double axis_length_;
};

/// Tries mix-ups one after the other, simple ones first; a later one has to fit much better to be preferred.
class ExplanationSearch {
 public:
  ExplanationSearch(const Evidence& evidence, std::optional<std::vector<ActionPoints>> known)
      : evidence_(evidence), known_(std::move(known)), given_(evidence.as_given()) {
    given_.error = evidence_.error_of(given_, known_);
    best_ = given_;
    tried_.push_back(given_);
  }

  /// The simplest explanation that fits: as given, if nothing else fits much better.
  Explanation find() {
    if (!(given_.error > usual_error)) return given_;
    if (known_) {
      search_with_actions();
    } else {
      search_without_actions();
    }
    const bool good = best_.error < 0.2 * given_.error && best_.error < 0.01 * evidence_.penalty();
    return good ? best_ : given_;
  }

  const Explanation& given() const { return given_; }
  const std::vector<Explanation>& tried() const { return tried_; }

 private:
  void consider(Explanation& as) {
    as.error = evidence_.error_of(as, known_);
    tried_.push_back(as);
    if (as.error < 0.4 * best_.error) best_ = as;
  }

  void search_with_actions() {
    for (const ChannelReading& reading : evidence_.readings()) {
      Explanation as = given_;
      as.reading = reading;
      if (reading.name != "as_given") consider(as);
      try_mixups_of_all_views(as);
      try_mixups_of_each_view(as);
      try_order_by_view(as);
    }
  }

  /// Fitted poses follow any order of the channels, but not another pixel grid.
  void search_without_actions() {
    try_mixups_of_all_views(given_);
    try_orders();
    try_mixups_of_one_view();
    Explanation as = given_;
    as.reading = evidence_.readings()[1];
    consider(as);
  }

  void try_mixups_of_all_views(Explanation as) {
    for (const Mixup mixup : all_mixups) {
      std::fill(as.mixups.begin(), as.mixups.end(), mixup);
      consider(as);
    }
  }

  /// For every view the simplest mix-up that is about as good as the best.
  void try_mixups_of_each_view(Explanation as) {
    for (std::size_t view = 0; view < evidence_.views(); ++view) {
      std::vector<std::pair<double, Mixup>> errors{{median(as, view), Mixup::none}};
      double least = errors.front().first;
      for (const Mixup mixup : all_mixups) {
        Explanation trial = as;
        trial.mixups[view] = mixup;
        errors.emplace_back(median(trial, view), mixup);
        least = std::min(least, errors.back().first);
      }
      const auto simplest = std::find_if(errors.begin(), errors.end(),
                                         [&](const auto& error) { return error.first <= 1.5 * least + 0.05; });
      if (simplest != errors.end()) as.mixups[view] = simplest->second;
    }
    consider(as);
  }

  /// The order in which every view has the camera that fits its pictures best, if that is an order.
  void try_order_by_view(Explanation as) {
    Explanation trial = as;
    for (std::size_t view = 0; view < evidence_.views(); ++view) {
      double least = std::numeric_limits<double>::infinity();
      for (std::size_t camera = 0; camera < evidence_.views(); ++camera) {
        trial.order[view] = camera;
        const double error = median(trial, view);
        if (error < least) as.order[view] = camera;
        least = std::min(least, error);
      }
    }
    std::vector<std::size_t> sorted = as.order;
    std::sort(sorted.begin(), sorted.end());
    if (sorted == given_.order && as.order != given_.order) consider(as);
  }

  /// Every order of up to five views; of more, every exchange of two and every rotation.
  void try_orders() {
    Explanation as = given_;
    if (evidence_.views() <= 5) {
      while (std::next_permutation(as.order.begin(), as.order.end())) consider(as);
      return;
    }
    for (std::size_t i = 0; i < as.order.size(); ++i) {
      for (std::size_t j = i + 1; j < as.order.size(); ++j) {
        std::swap(as.order[i], as.order[j]);
        consider(as);
        std::swap(as.order[i], as.order[j]);
      }
    }
    for (std::size_t i = 1; i < as.order.size(); ++i) {
      std::rotate(as.order.begin(), as.order.begin() + 1, as.order.end());
      consider(as);
    }
  }

  void try_mixups_of_one_view() {
    for (std::size_t view = 0; view < evidence_.views(); ++view) {
      Explanation as = given_;
      for (const Mixup mixup : all_mixups) {
        as.mixups[view] = mixup;
        consider(as);
      }
    }
  }

  /// The median error of one view; infinite if it shows no peaks.
  double median(const Explanation& as, std::size_t view) const {
    const auto error = ReprojectionError::of(evidence_.distances(as, view, *known_));
    return error.count > 0 ? error.median : std::numeric_limits<double>::infinity();
  }

  const Evidence& evidence_;
  std::optional<std::vector<ActionPoints>> known_;
  Explanation given_, best_;
  std::vector<Explanation> tried_;
};

}  // namespace detail

}  // namespace action_images
