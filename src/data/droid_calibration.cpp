// SPDX-License-Identifier: Apache-2.0
#include "droid_calibration.hpp"

#include <algorithm>
#include <cstddef>

namespace action_images {
namespace {

// `second` seen from `first`, by the file, with the distance that the calibration gives the two.
Eigen::Affine3d relative_pose(const DroidView& first, const DroidView& second) {
  Eigen::Affine3d relative = first.pose_in_file.inverse() * second.pose_in_file;
  const double in_file = relative.translation().norm();
  const double metres = (second.camera.center() - first.camera.center()).norm();
  if (in_file > 0.0) relative.translation() *= metres / in_file;
  return relative;
}

std::optional<double> residual_of(const DroidView& first, const DroidView& second, const Trajectory& actions) {
  const Camera carried =
      second.camera.moved_to((first.camera.world_from_camera() * relative_pose(first, second)).matrix());
  std::vector<double> distances;
  for (const Action& action : actions) {
    const auto calibrated = second.camera.project(action.position);
    const auto from_file = carried.project(action.position);
    if (calibrated && from_file) distances.push_back((*calibrated - *from_file).norm());
  }
  if (distances.empty()) return std::nullopt;
  const auto middle = distances.begin() + static_cast<std::ptrdiff_t>(distances.size() / 2);
  std::nth_element(distances.begin(), middle, distances.end());
  return *middle / second.camera.width();
}

}  // namespace

std::optional<double> calibration_residual(const std::vector<DroidView>& views, const Trajectory& actions) {
  std::optional<double> worst;
  for (std::size_t view = 1; view < views.size(); ++view) {
    const auto residual = residual_of(views[0], views[view], actions);
    if (residual && (!worst || *residual > *worst)) worst = residual;
  }
  return worst;
}

double largest_jump(const Trajectory& actions) {
  double largest = 0.0;
  for (std::size_t t = 1; t < actions.size(); ++t) {
    largest = std::max(largest, (actions[t].position - actions[t - 1].position).norm());
  }
  return largest;
}

}  // namespace action_images
