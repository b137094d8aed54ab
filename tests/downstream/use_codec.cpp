// SPDX-License-Identifier: Apache-2.0
// Needs Eigen and xtensor only: also built with nothing but an include folder.
#include <action_images/codec.hpp>

#include <cmath>

namespace aim = action_images;

int main() {
  Eigen::Matrix3d intrinsics;
  intrinsics << 200, 0, 64, 0, 200, 64, 0, 0, 1;
  Eigen::Matrix4d front = Eigen::Matrix4d::Identity();
  front(2, 3) = -1;
  Eigen::Matrix4d side = Eigen::Matrix4d::Identity();
  side.topLeftCorner<3, 4>() << 0, 0, 1, -1, 0, 1, 0, 0, -1, 0, 0, 0;
  const aim::Rig rig({aim::Camera(intrinsics, front, 128, 128), aim::Camera(intrinsics, side, 128, 128)});
  const aim::Trajectory actions{{{0.01, 0.02, 0.03}, {0.1, 0.2, 0.3}, 1.0}};
  const aim::Decoded decoded = aim::decode(aim::encode(actions, rig), rig);
  const aim::Decoded same = aim::decode(aim::encode<float>(actions, rig), rig);
  const bool rays = aim::plucker(rig.relative_to_first()).shape(4) == 6;
  const auto error = [&](const aim::Decoded& read) { return (read.actions[0].position - actions[0].position).norm(); };
  return rays && error(decoded) < 1e-3 && error(same) < 1e-3 ? 0 : 1;
}
