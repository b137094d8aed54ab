// SPDX-License-Identifier: Apache-2.0
// Camera control (paper, Fig. 9): a plan seen by cameras that turn about the vertical of the world while it runs.
//
//   example_camera_control MODEL SCENE INSTRUCTION OUT
#include <iostream>
#include <numbers>

#include <action_images/world.hpp>

namespace aim = action_images;

/// A rig of so many frames that begins as `rig` and turns about the z axis of the world.
aim::Rig turning(const aim::Rig& rig, std::int64_t frames, double degrees) {
  std::vector<std::vector<aim::Camera>> views(rig.size());
  for (std::int64_t t = 0; t < frames; ++t) {
    const double angle = degrees * std::numbers::pi / 180.0 * static_cast<double>(t) / static_cast<double>(frames - 1);
    const Eigen::Affine3d turn(Eigen::AngleAxisd(angle, Eigen::Vector3d::UnitZ()));
    for (std::size_t view = 0; view < rig.size(); ++view) {
      views[view].push_back(rig[view].moved_to((turn * rig[view].world_from_camera()).matrix()));
    }
  }
  return aim::Rig::moving(views);
}

int main(int count, char** arguments) try {
  if (count != 5) throw aim::ValueError("usage: example_camera_control MODEL SCENE INSTRUCTION OUT");
  const std::filesystem::path scene = arguments[2];
  const auto model = aim::WorldModel::load(arguments[1]);
  const auto rig = aim::load_rig(scene / "rig.json");
  std::vector<aim::VideoFrames> views;
  for (std::size_t view = 0; view < rig.size(); ++view) {
    views.push_back(aim::read_image(scene / ("view_" + std::to_string(view) + ".png")));
  }
  const auto rollout = model.generate(views, arguments[3], turning(rig, model.config().frames, 15.0));
  std::cout << "ends at " << rollout.actions.back().position.transpose() << " m\n";
  rollout.save(arguments[4]);
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 2;
}
