// SPDX-License-Identifier: Apache-2.0
// Plans a motion from the pictures of a scene: example_generate MODEL SCENE INSTRUCTION OUT
#include <iostream>

#include <action_images/world.hpp>

namespace aim = action_images;

int main(int count, char** arguments) try {
  if (count != 5) throw aim::ValueError("usage: example_generate MODEL SCENE INSTRUCTION OUT");
  const std::filesystem::path scene = arguments[2];
  const auto model = aim::WorldModel::load(arguments[1]);
  const auto rig = aim::load_rig(scene / "rig.json");
  std::vector<aim::VideoFrames> views;
  for (std::size_t view = 0; view < rig.size(); ++view) {
    views.push_back(aim::read_image(scene / ("view_" + std::to_string(view) + ".png")));
  }
  const auto rollout = model.generate(views, arguments[3], rig, {.task = aim::Task::i2va, .seed = 0});
  std::cout << "ends at " << rollout.actions.back().position.transpose() << " m\n";
  rollout.save(arguments[4]);
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 2;
}
