// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/world_model.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <thread>

#include <unistd.h>

#include <doctest/doctest.h>

#include <action_images/core/interrupted.hpp>

#include "tiny_model.hpp"

using namespace action_images;
using namespace action_images::testing;

namespace {

const WorldModel& model() {
  static const WorldModel tiny(tiny_model());
  return tiny;
}

Trajectory still_actions(std::size_t frames) {
  return Trajectory(frames, Action{Eigen::Vector3d(0.02, 0.01, 0.0), Eigen::Vector3d(0.1, 0.2, 0.3), 1.0});
}

struct TemporaryFolder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("action_images_world_" + std::to_string(::getpid()));
  TemporaryFolder() { std::filesystem::create_directories(path); }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
};

}  // namespace

TEST_CASE("planning gives video, action images and one action a frame, for any number of views") {
  for (const int views : {2, 3}) {
    const Rollout rollout = model().generate(random_pictures(views), "reach the red block", tiny_rig(views), {.seed = 3});
    const auto v = static_cast<std::size_t>(views);
    const std::array<std::size_t, 5> expected{v, 5, 32, 32, 3};
    CHECK(rollout.video.shape() == expected);
    CHECK(rollout.action_images.shape() == rollout.video.shape());
    CHECK(rollout.actions.size() == 5);
    CHECK(rollout.confidence.size() == 5);
    CHECK(rollout.settings["steps"] == 2);
  }
}

TEST_CASE("what is given comes back as it was: videos of v2a, action images of a2v") {
  const auto videos = random_pictures(2, 32, 5);
  const Rollout labelled = model().generate(videos, "", tiny_rig(2), {.task = Task::v2a});
  CHECK(std::equal(videos[0].rgb.begin(), videos[0].rgb.end(), labelled.video.data()));

  const Rollout simulated =
      model().generate(random_pictures(2), "", tiny_rig(2), {.task = Task::a2v, .actions = still_actions(5)});
  CHECK((simulated.actions[2].position - Eigen::Vector3d(0.02, 0.01, 0.0)).norm() < 1e-3);
}

TEST_CASE("plain video has no action images and no actions") {
  const Rollout rollout = model().generate(random_pictures(2), "reach the red block", tiny_rig(2), {.task = Task::i2v});
  CHECK_FALSE(rollout.has_actions());
  CHECK(rollout.actions.empty());
}

TEST_CASE("frames, steps, guidance and a known first action are followed") {
  const Rollout rollout = model().generate(random_pictures(2), "grasp the blue block", tiny_rig(2),
                                           {.first_action = still_actions(1)[0], .frames = 9, .steps = 3, .guidance = 2.0});
  CHECK(rollout.actions.size() == 9);
  CHECK(rollout.settings["guidance"] == 2.0);
  CHECK(rollout.settings["first_action_known"] == true);
}

TEST_CASE("larger pictures are cropped and resized with their cameras") {
  const Rollout rollout = model().generate(random_pictures(2, 96), "reach the red block", tiny_rig(2, 96));
  CHECK(rollout.rig.width() == 32);
  CHECK(rollout.rig[0].intrinsics()(0, 0) == doctest::Approx(1.2 * 32));
}

TEST_CASE("the same seed gives the same bits, one after the other or at once") {
  const auto generate = [] { return model().generate(random_pictures(2), "reach the red block", tiny_rig(2), {.seed = 11}); };
  const Rollout first = generate();
  CHECK(generate().video == first.video);
  std::vector<Rollout> rollouts(2, first);
  std::vector<std::thread> threads;
  for (Rollout& rollout : rollouts) threads.emplace_back([&] { rollout = generate(); });
  for (std::thread& thread : threads) thread.join();
  for (const Rollout& rollout : rollouts) {
    CHECK(rollout.video == first.video);
    CHECK(rollout.action_images == first.action_images);
  }
  CHECK(model().generate(random_pictures(2), "reach the red block", tiny_rig(2), {.seed = 12}).video != first.video);
}

TEST_CASE("a model that is saved and loaded generates the same bits") {
  const TemporaryFolder folder;
  save_model_folder(folder.path, tiny_model());
  const WorldModel loaded = WorldModel::load(folder.path);
  const auto generate = [](const WorldModel& m) { return m.generate(random_pictures(2), "reach the red block", tiny_rig(2)).video; };
  CHECK(generate(loaded) == generate(model()));
}

TEST_CASE("a plan without video is saved with its action images, beside the given picture") {
  const TemporaryFolder folder;
  model().generate(random_pictures(2), "reach the red block", tiny_rig(2), {.task = Task::i2a}).save(folder.path);
  for (const char* name : {"view_0_action.mp4", "view_1_panel.mp4", "rollout.json"}) {
    CHECK(std::filesystem::exists(folder.path / name));
  }
  CHECK_FALSE(std::filesystem::exists(folder.path / "view_0_video.mp4"));
}

TEST_CASE("a progress callback sees every step and can stop") {
  int steps = 0;
  model().generate(random_pictures(2), "reach the red block", tiny_rig(2),
                   {.steps = 4, .progress = [&](int, int all) { return ++steps <= all; }});
  CHECK(steps == 4);
  const GenerateOptions stopping{.progress = [](int, int) { return false; }};
  CHECK_THROWS_AS(model().generate(random_pictures(2), "reach the red block", tiny_rig(2), stopping), Interrupted);
}

TEST_CASE("wrong requests are refused by name") {
  const auto pictures = random_pictures(2);
  const Rig rig = tiny_rig(2);
  const auto refused = [&](const std::string& part, const auto& call) {
    try {
      call();
      FAIL("accepted: ", part);
    } catch (const ValueError& error) {
      CHECK_MESSAGE(std::string(error.what()).find(part) != std::string::npos, error.what());
    }
  };
  refused("images: expected 2", [&] { model().generate(random_pictures(1), "reach", rig); });
  refused("images[0]: expected height and width 32, 32", [&] { model().generate(random_pictures(2, 48), "reach", rig); });
  refused("prompt: expected an instruction", [&] { model().generate(pictures, "  ", rig); });
  refused("frames: expected 4k + 1", [&] { model().generate(pictures, "reach", rig, {.frames = 8}); });
  refused("actions: expected a trajectory", [&] { model().generate(pictures, "", rig, {.task = Task::a2v}); });
  refused("actions: expected none", [&] { model().generate(pictures, "reach", rig, {.actions = still_actions(5)}); });
  refused("steps", [&] { model().generate(pictures, "reach", rig, {.steps = -1}); });
  refused("guidance", [&] { model().generate(pictures, "reach", rig, {.guidance = std::nan("")}); });
  refused("prompt", [&] { model().generate(pictures, std::string(400, 'z'), rig); });
}

TEST_CASE("a folder that is no model is refused with the missing file's name") {
  const TemporaryFolder folder;
  CHECK_THROWS_AS(WorldModel::load(folder.path), FormatError);
  save_model_folder(folder.path, tiny_model());
  std::filesystem::resize_file(folder.path / "model.safetensors", 1000);
  CHECK_THROWS_AS(WorldModel::load(folder.path), FormatError);
  ModelFolder incomplete = tiny_model();
  incomplete.tensors.erase("transformer.head.head.bias");
  CHECK_THROWS_AS(WorldModel{incomplete}, FormatError);
}
