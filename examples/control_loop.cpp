// SPDX-License-Identifier: Apache-2.0
// Skeleton of a controller that follows action images: 10 Hz, no ROS, nothing to link. Replace `next_images` by your
// model and `Robot` by your robot.
//
//   example_control_loop [FRAMES]
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <thread>

#include <action_images/codec.hpp>

namespace aim = action_images;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds period{100};
constexpr double least_confidence = 0.5;  ///< below, the robot holds its pose
constexpr double longest_step = 0.02;     ///< in one period [m]

/// Stands in for a robot: goes where it is told.
struct Robot {
  aim::Action pose{{0.0, 0.0, 0.12}, {3.0, 0.0, 0.0}, 1.0};

  void move_to(const aim::Action& target) { pose = target; }
};

aim::Camera camera_at(const Eigen::Vector3d& position, int size) {
  Eigen::Matrix4d world_from_camera = Eigen::Matrix4d::Identity();
  const Eigen::Vector3d forward = -position.normalized();
  const Eigen::Vector3d right = forward.cross(Eigen::Vector3d::UnitZ()).normalized();
  world_from_camera.topLeftCorner<3, 4>() << right, forward.cross(right), forward, position;
  Eigen::Matrix3d intrinsics;
  intrinsics << size, 0, 0.5 * size, 0, size, 0.5 * size, 0, 0, 1;
  return {intrinsics, world_from_camera, size, size};
}

/// Stands in for a world model: the action images of one frame, here drawn; every seventh one is lost.
void next_images(int frame, const aim::Rig& rig, aim::Images<std::uint8_t>& images) {
  const aim::Trajectory action{{{0.015 * frame, 0.0, 0.12}, {3.0, 0.05 * frame, 0.0}, frame < 5 ? 1.0 : 0.0}};
  aim::encode_into(action, rig, aim::view_of(images));
  if (frame % 7 == 6) images.fill(0);
}

/// A step towards the target that is no longer than the robot may go in one period.
aim::Action limited(const aim::Action& from, const aim::Action& target) {
  const double distance = (target.position - from.position).norm();
  return distance > longest_step ? aim::interpolate(from, target, longest_step / distance) : target;
}

int main(int count, char** arguments) {
  const int frames = count > 1 ? std::atoi(arguments[1]) : 10;
  const aim::Rig rig({camera_at({0.6, 0.5, 0.6}, 256), camera_at({0.6, -0.5, 0.6}, 256)});
  auto images = aim::Images<std::uint8_t>::from_shape({rig.size(), 1, 256, 256, 3});  // used again in every period
  Robot robot;
  auto deadline = Clock::now();
  for (int frame = 0; frame < frames; ++frame) {
    next_images(frame, rig, images);
    const auto begin = Clock::now();
    const aim::Decoded decoded = aim::decode(images, rig, {.fill = false, .threads = 1});
    const double milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
    const bool trusted = decoded.confidence[0] >= least_confidence;
    if (trusted) robot.move_to(limited(robot.pose, decoded.actions[0]));
    std::cout << "frame " << frame << ": " << (trusted ? "move to " : "hold ") << robot.pose.position.transpose()
              << " m, openness " << robot.pose.openness << ", confidence " << decoded.confidence[0] << ", read in "
              << milliseconds << " ms\n";
    std::this_thread::sleep_until(deadline += period);
  }
}
