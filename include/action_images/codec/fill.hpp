// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <Eigen/Geometry>

#include <action_images/codec/action.hpp>

namespace action_images {

/// Action between two others: position and openness linear, rotation along the shortest arc.
/// @param share  0: the first .. 1: the second.
inline Action interpolate(const Action& first, const Action& second, double share) {
  const Eigen::Quaterniond from(rotation_from_euler(first.euler));
  const Eigen::Quaterniond to(rotation_from_euler(second.euler));
  return {first.position + share * (second.position - first.position),
          euler_from_rotation(from.slerp(share, to).toRotationMatrix()),
          first.openness + share * (second.openness - first.openness)};
}

/// Replaces the actions that are not valid: interpolated between the nearest valid ones before and after, held at the
/// ends; NaN if there is no valid action or `fill` is false. An openness that is a number is kept when filling.
inline void fill_gaps(Trajectory& actions, const std::vector<bool>& valid, bool fill) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const std::size_t none = actions.size();
  std::size_t before = none;
  std::size_t after = 0;
  for (std::size_t t = 0; t < actions.size(); ++t) {
    if (valid[t]) {
      before = t;
      continue;
    }
    for (after = std::max(after, t); after < actions.size() && !valid[after];) ++after;
    const double openness = actions[t].openness;
    if (!fill || (before == none && after == none)) {
      actions[t] = {Eigen::Vector3d::Constant(nan), Eigen::Vector3d::Constant(nan), nan};
      continue;
    }
    const Action& first = actions[before == none ? after : before];
    const Action& second = actions[after == none ? before : after];
    const double gap = static_cast<double>(after) - static_cast<double>(before);
    const bool inside = before != none && after != none;
    actions[t] = inside ? interpolate(first, second, static_cast<double>(t - before) / gap) : first;
    if (!std::isnan(openness)) actions[t].openness = openness;
  }
}

}  // namespace action_images
