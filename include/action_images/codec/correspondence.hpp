// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include <Eigen/Core>

#include <action_images/codec/peak.hpp>
#include <action_images/codec/triangulate.hpp>

namespace action_images {

/// Views of which points may be put together.
inline constexpr std::size_t most_views = 64;

/// Of every view the candidate that shows the point, or -1.
using Choice = std::array<std::int8_t, most_views>;

/// One explanation of the candidates of all views: which of them show the point, and where it is.
struct Correspondence {
  TriangulatedPoint triangulated;
  Choice chosen;
  double cost = 0.0;  ///< small if all views agree and show good blobs
};

/// Finds the explanations of what the views show of one point. Every view may show the wrong blob, several or none:
/// pairs of candidates of two views are intersected, the other views vote, and a view that contradicts is left out.
/// Allocates nothing when it is used again with as many views.
class CorrespondenceSearch {
 public:
  /// The views that see something of one point; `add` them, then `find`.
  /// @param sigma  of the drawn Gaussians [px]; views agree within a quarter of it, and the error of a blob's
  ///               centre is taken as at least 1/2000 of it.
  void start(double sigma) {
    tolerance_ = 0.25 * sigma;
    slack_ = 0.0005 * sigma;
    views_.clear();
    found_.clear();
  }

  /// The candidates of the next view.
  void add(const Camera& camera, const Peaks& peaks) { views_.push_back({&camera, &peaks}); }

  /// At most `most` explanations that differ, the likeliest first; none if fewer than two views see anything, or if
  /// their rays do not meet.
  const std::vector<Correspondence>& find(std::size_t most = 3) {
    if (agreed()) return found_;
    list_pairs();
    for (const auto& [first, second] : pairs_) try_pair(first, second);
    std::sort(found_.begin(), found_.end(), [](const auto& a, const auto& b) { return a.cost < b.cost; });
    if (found_.size() > most) found_.erase(found_.begin() + static_cast<std::ptrdiff_t>(most), found_.end());
    return found_;
  }

 private:
  static constexpr std::size_t most_pairs = 45;  ///< of views; the ones with the best blobs are tried

  struct View {
    const Camera* camera;
    const Peaks* peaks;  // index in pixel coordinates, best first
  };

  const Peak& peak_of(std::size_t view, std::size_t candidate) const { return (*views_[view].peaks)[candidate]; }
  bool is_empty(std::size_t view) const { return views_[view].peaks->empty(); }

  Sighting sighting(std::size_t view, std::size_t candidate) const {
    const Peak& peak = peak_of(view, candidate);
    return {views_[view].camera, peak.index, peak.covariance + slack_ * slack_ * Eigen::Matrix2d::Identity()};
  }

  static Choice nothing() {
    Choice chosen;
    chosen.fill(-1);
    return chosen;
  }

  /// True if the only candidates of all views agree: the usual case, and then the answer is found.
  bool agreed() {
    Choice chosen = nothing();
    for (std::size_t view = 0; view < views_.size(); ++view) {
      if (views_[view].peaks->size() > 1) return false;
      if (!is_empty(view)) chosen[view] = 0;
    }
    const auto point = triangulated(chosen);
    if (!point) return seen_.size() < 2;
    for (std::size_t view = 0; view < views_.size(); ++view) {
      if (chosen[view] == 0 && !(squared_distance(view, 0, point->point) < 1.0)) return false;
    }
    found_.push_back({*point, chosen, cost_of(chosen, point->point)});
    return true;
  }

  std::optional<TriangulatedPoint> triangulated(const Choice& chosen,
                                                const std::optional<Eigen::Vector3d>& start = std::nullopt) {
    seen_.clear();
    for (std::size_t view = 0; view < views_.size(); ++view) {
      if (chosen[view] >= 0) seen_.push_back(sighting(view, static_cast<std::size_t>(chosen[view])));
    }
    return triangulate(seen_, tolerance_, start);
  }

  /// Squared distance of a candidate from the projection, in tolerances (widened by the candidate's own error).
  double squared_distance(std::size_t view, std::size_t candidate, const Eigen::Vector3d& point) const {
    const auto pixel = views_[view].camera->project(point);
    if (!pixel) return std::numeric_limits<double>::infinity();
    const Peak& peak = peak_of(view, candidate);
    return (peak.index - *pixel).squaredNorm() / (tolerance_ * tolerance_ + 9.0 * peak.covariance.trace());
  }

  /// Pairs of views that see something, the best blobs first.
  void list_pairs() {
    pairs_.clear();
    for (std::size_t i = 0; i < views_.size(); ++i) {
      for (std::size_t j = i + 1; j < views_.size(); ++j) {
        if (!is_empty(i) && !is_empty(j)) pairs_.push_back({i, j});
      }
    }
    const auto quality = [&](const auto& pair) { return peak_of(pair[0], 0).score * peak_of(pair[1], 0).score; };
    std::sort(pairs_.begin(), pairs_.end(),
              [&](const auto& a, const auto& b) { return quality(a) != quality(b) ? quality(a) > quality(b) : a < b; });
    if (pairs_.size() > most_pairs) pairs_.resize(most_pairs);
  }

  void try_pair(std::size_t first, std::size_t second) {
    for (std::size_t i = 0; i < views_[first].peaks->size(); ++i) {
      for (std::size_t j = 0; j < views_[second].peaks->size(); ++j) {
        const std::array<Sighting, 2> two{sighting(first, i), sighting(second, j)};
        if (const auto point = intersect_rays(two)) explain(*point);
      }
    }
  }

  /// Lets all views vote on a point, and keeps the explanation if it is new.
  void explain(const Eigen::Vector3d& start) {
    const Choice chosen = votes(start);
    if (std::any_of(found_.begin(), found_.end(), [&](const auto& other) { return other.chosen == chosen; })) return;
    const auto point = triangulated(chosen, start);
    if (point) found_.push_back({*point, chosen, cost_of(chosen, point->point)});
  }

  Choice votes(const Eigen::Vector3d& point) const {
    Choice chosen = nothing();
    for (std::size_t view = 0; view < views_.size(); ++view) {
      double least = 4.0;  // two tolerances
      for (std::size_t candidate = 0; candidate < views_[view].peaks->size(); ++candidate) {
        const double distance = squared_distance(view, candidate, point);
        if (distance >= least) continue;
        least = distance;
        chosen[view] = static_cast<std::int8_t>(candidate);
      }
    }
    return chosen;
  }

  /// Negative logarithm of a likelihood: agreement of the views that show it, quality of the blobs, and a constant for
  /// every view that shows something else.
  double cost_of(const Choice& chosen, const Eigen::Vector3d& point) const {
    double cost = 0.0;
    for (std::size_t view = 0; view < views_.size(); ++view) {
      if (is_empty(view)) continue;
      if (chosen[view] < 0) {
        cost += 4.0;
        continue;
      }
      const auto candidate = static_cast<std::size_t>(chosen[view]);
      cost += squared_distance(view, candidate, point) - 2.0 * std::log(std::max(peak_of(view, candidate).score, 1e-3));
    }
    return cost;
  }

  double tolerance_ = 1.0;
  double slack_ = 0.0;
  std::vector<View> views_;
  std::vector<Sighting> seen_;
  std::vector<std::array<std::size_t, 2>> pairs_;
  std::vector<Correspondence> found_;
};

}  // namespace action_images
