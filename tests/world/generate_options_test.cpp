// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/world_model.hpp>

#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <string>

#include <doctest/doctest.h>

#include <action_images/codec/pixel_action.hpp>
#include <action_images/core/interrupted.hpp>
#include <action_images/world/generate_options.hpp>
#include <action_images/world/negative_prompt.hpp>

#include "tiny_model.hpp"

using namespace action_images;
using namespace action_images::testing;

namespace {

const WorldModel& model() {
  static const WorldModel tiny(tiny_model());
  return tiny;
}

Rollout plan(GenerateOptions options, int views = 2) {
  if (options.steps == 0) options.steps = 6;
  return model().generate(random_pictures(views), "reach the red block", tiny_rig(views), options);
}

Action seen_action() { return {Eigen::Vector3d(0.02, 0.01, 0.0), Eigen::Vector3d(0.1, 0.2, 0.3), 1.0}; }

// The pixels of an action in the pictures of a rig, (V, frames, 7).
ViewActions as_seen(const Rig& rig, std::size_t frames = 1) {
  return {.pixels = pixel_actions(Trajectory(frames, seen_action()), rig)};
}

Rig turning_rig(std::size_t frames) {
  std::vector<std::vector<Camera>> views(2);
  for (std::size_t t = 0; t < frames; ++t) {
    const Eigen::Affine3d turn(Eigen::AngleAxisd(0.04 * static_cast<double>(t), Eigen::Vector3d::UnitY()));
    for (std::size_t view = 0; view < 2; ++view) {
      views[view].push_back(tiny_rig(2)[view].moved_to((turn * tiny_rig(2)[view].world_from_camera()).matrix()));
    }
  }
  return Rig::moving(views);
}

template <typename Call>
void refused(const std::string& part, const Call& call) {
  try {
    call();
    FAIL("accepted: ", part);
  } catch (const ValueError& error) {
    CHECK_MESSAGE(std::string(error.what()).find(part) != std::string::npos, error.what());
  }
}

std::map<std::string, GenerateOptions> every_option() {
  return {{"unipc", {.solver = SolverKind::unipc}},
          {"unipc-bh1", {.solver = SolverKind::unipc_bh1}},
          {"dpm++2m", {.solver = SolverKind::dpmpp_2m}},
          {"guidance", {.guidance = 3.0}},
          {"rescale", {.guidance = 3.0, .guidance_rescale = 0.7}},
          {"interval", {.guidance = 3.0, .guidance_interval = SigmaInterval{0.2, 0.8}}},
          {"wan", {.guidance = 3.0, .negative_prompt = "red"}},
          {"cosine", {.step_cache = StepCacheKind::cosine, .step_cache_threshold = -0.9}},
          {"easy", {.step_cache = StepCacheKind::easy, .step_cache_threshold = 10.0}},
          {"tea", {.step_cache = StepCacheKind::tea, .step_cache_threshold = 10.0}},
          {"sigma_min", {.sigma_min = 0.1}},
          {"extra", {.sigma_min = 0.1, .extra_one_step = false}},
          {"first action", {.first_action = seen_action()}}};
}

}  // namespace

TEST_CASE("every option changes the result, and equal seeds still give equal bits") {
  const Rollout exact = plan({});
  for (const auto& [name, options] : every_option()) {
    CAPTURE(name);
    const Rollout rollout = plan(options);
    CHECK(rollout.action_images != exact.action_images);
    CHECK(plan(options).video == rollout.video);
    CHECK(plan(options).action_images == rollout.action_images);
  }
}

TEST_CASE("guidance on all noise levels, without rescaling, is plain guidance") {
  const Rollout plain = plan({.guidance = 3.0});
  CHECK(plan({.guidance = 3.0, .guidance_rescale = 0.0, .guidance_interval = SigmaInterval{0.0, 1.0}}).video ==
        plain.video);
  const Rollout never = plan({.guidance = 3.0, .guidance_interval = SigmaInterval{0.0, 0.0}});
  CHECK(never.video == plan({}).video);
}

TEST_CASE("a step cache says how many steps were evaluated, and one that tolerates nothing is exact") {
  const Rollout exact = plan({.steps = 12});
  CHECK(exact.settings["steps_evaluated"] == 12);
  CHECK(exact.settings["steps_reused"] == 0);
  for (const auto kind : {StepCacheKind::easy, StepCacheKind::tea}) {
    const Rollout none = plan({.steps = 12, .step_cache = kind, .step_cache_threshold = 0.0});
    CHECK(none.video == exact.video);
    CHECK(none.settings["steps_reused"] == 0);
  }
  for (const auto kind : {StepCacheKind::cosine, StepCacheKind::easy, StepCacheKind::tea}) {
    const double threshold = kind == StepCacheKind::cosine ? -0.98 : 100.0;
    const Rollout much = plan({.steps = 12, .step_cache = kind, .step_cache_threshold = threshold});
    CHECK(much.settings["steps_reused"] > 0);
    CHECK(much.settings["steps_evaluated"].get<int>() + much.settings["steps_reused"].get<int>() == 12);
    CHECK(much.settings["step_cache"] == name_of(kind));
  }
}

TEST_CASE("defaults of the sampling are the config's; another cache or solver leaves its numbers behind") {
  nlohmann::json json = json_from(tiny_config());
  json["sampling"].update({{"solver", "euler"},
                           {"sigma_min", 0.05},
                           {"step_cache", "easy"},
                           {"step_cache_threshold", 0.3},
                           {"guidance_interval", {0.1, 0.9}},
                           {"guidance_rescale", 0.5},
                           {"negative_prompt", "wan"}});
  const WorldModel configured(tiny_model(world_config_from_json(json)));
  const auto settings = [&](const GenerateOptions& options) {
    return configured.generate(random_pictures(2), "reach", tiny_rig(2), options).settings;
  };
  const auto own = settings({});
  CHECK(own["step_cache"] == "easy");
  CHECK(own["step_cache_threshold"] == 0.3);
  CHECK(own["sigma_min"] == 0.05);
  CHECK((own["guidance_interval"] == nlohmann::json{0.1, 0.9}));
  CHECK(own["guidance_rescale"] == 0.5);
  CHECK(own["negative_prompt"] == std::string(wan_negative_prompt));
  const auto other = settings({.solver = SolverKind::unipc, .step_cache = StepCacheKind::tea});
  CHECK(other["sigma_min"] == 0.0);
  CHECK(other["step_cache_threshold"] == 0.1);
}

TEST_CASE("a config with a sampling that cannot be is refused by name") {
  const auto refuse = [](const char* key, const nlohmann::json& value, const std::string& part) {
    nlohmann::json json = json_from(tiny_config());
    json["sampling"][key] = value;
    refused(part, [&] { world_config_from_json(json); });
  };
  refuse("solver", "heun", "euler, unipc, unipc-bh1, dpm++2m");
  refuse("step_cache", "magic", "none, cosine, easy, tea");
  refuse("guidance_interval", {0.5, 0.1}, "guidance_interval: expected 0 <= low <= high <= 1");
  refuse("guidance_interval", {0.5}, "guidance_interval: expected two numbers");
  refuse("guidance_rescale", 2, "guidance_rescale");
  refuse("tea_polynomial", nlohmann::json::array(), "tea_polynomial");
}

TEST_CASE("a plan without video has the action images and actions of its views, and their pictures") {
  const Rollout both = plan({.task = Task::i2a});
  CHECK((both.video.shape() == std::array<std::size_t, 5>{2, 1, 32, 32, 3}));
  CHECK((both.action_images.shape() == std::array<std::size_t, 5>{2, 5, 32, 32, 3}));
  CHECK(both.actions.size() == 5);
  const auto pictures = random_pictures(3);
  const Rollout some = plan({.task = Task::i2a, .action_views = {0, 2}}, 3);
  CHECK(some.rig.size() == 2);
  CHECK(some.rig[1].world_from_camera().isApprox(tiny_rig(3)[2].world_from_camera()));
  CHECK(std::equal(pictures[2].rgb.begin(), pictures[2].rgb.end(), some.video.data() + pictures[0].rgb.size()));
  CHECK((some.settings["action_views"] == nlohmann::json{0, 2}));
}

TEST_CASE("one view alone has action images but no depth: actions are NaN unless they were given") {
  const Rollout planned = plan({.task = Task::i2a, .action_views = {1}});
  CHECK(planned.action_images.shape()[0] == 1);
  CHECK(planned.confidence == std::vector<double>(5, 0.0));
  CHECK(std::isnan(planned.actions[0].position.x()));
  const Rollout simulated = plan({.task = Task::a2v, .actions = Trajectory(5, seen_action())}, 1);
  CHECK(simulated.actions[4].position == seen_action().position);
  CHECK(simulated.confidence == std::vector<double>(5, 1.0));
}

TEST_CASE("what the views see of a known action conditions as the action does") {
  const Rollout known = plan({.first_action = seen_action()});
  const Rollout seen = plan({.view_actions = as_seen(tiny_rig(2))});
  CHECK(seen.settings["first_action_known"] == true);
  CHECK(seen.action_images == known.action_images);
  CHECK(seen.video == known.video);
}

TEST_CASE("view actions are pixels of the pictures as they were given, or of the model's own") {
  // Pictures of 96 x 128 px lose 16 px at the left and the right, and shrink to a third.
  const auto wide = [] {
    std::vector<Camera> cameras;
    for (const Camera& camera : tiny_rig(2, 96)) {
      Eigen::Matrix3d intrinsics = camera.intrinsics();
      intrinsics(0, 2) += 16.0;
      cameras.emplace_back(intrinsics, camera.world_from_camera().matrix(), 128, 96);
    }
    return Rig(cameras);
  }();
  std::vector<VideoFrames> pictures(2, VideoFrames{std::vector<std::uint8_t>(96 * 128 * 3, 100), 1, 96, 128, 0});
  const auto generate = [&](const GenerateOptions& options) {
    return model().generate(pictures, "reach the red block", wide, options);
  };
  const Rollout known = generate({.first_action = seen_action()});
  CHECK(generate({.view_actions = as_seen(wide)}).action_images == known.action_images);
  ViewActions of_model = as_seen(tiny_rig(2));
  of_model.pixels_of = PixelsOf::model;
  CHECK(generate({.view_actions = of_model}).action_images == known.action_images);
}

TEST_CASE("view actions are a whole trajectory for a2v, read back where two views see them") {
  const auto simulate = [](const ViewActions& actions) { return plan({.task = Task::a2v, .view_actions = actions}); };
  const Rollout given = plan({.task = Task::a2v, .actions = Trajectory(5, seen_action())});
  const Rollout repeated = simulate(as_seen(tiny_rig(2)));
  CHECK(repeated.action_images == given.action_images);
  CHECK(simulate(as_seen(tiny_rig(2), 5)).video == given.video);
  CHECK((repeated.actions[3].position - seen_action().position).norm() < 1e-3);

  ViewActions half = as_seen(tiny_rig(2), 5);
  for (std::size_t i = 0; i < 6; ++i) half.pixels(1, 2, i) = std::numeric_limits<double>::quiet_NaN();
  const Rollout gap = simulate(half);
  CHECK(gap.confidence[1] > 0.0);
  CHECK(gap.confidence[2] == 0.0);
}

TEST_CASE("a rig that moves is followed: actions are drawn and read with the cameras of their frames") {
  const Rig rig = turning_rig(5);
  const GenerateOptions options{.task = Task::a2v, .actions = Trajectory(5, seen_action())};
  const Rollout moving = model().generate(random_pictures(2), "", rig, options);
  for (const Action& action : moving.actions) CHECK((action.position - seen_action().position).norm() < 1e-3);
  CHECK(moving.rig.is_moving());
  CHECK(moving.settings["moving_rig"] == true);
  const Rollout still = model().generate(random_pictures(2), "", rig.clip(0, 1), options);
  CHECK(moving.action_images != still.action_images);
  CHECK(moving.video != still.video);
}

TEST_CASE("a rig that moves says how many frames there are") {
  const auto frames = [](const Rig& rig, const GenerateOptions& options) {
    return model().generate(random_pictures(2), "reach", rig, options).video.shape()[1];
  };
  CHECK(frames(turning_rig(9), {}) == 9);
  CHECK(frames(turning_rig(5), {.frames = 5}) == 5);
  refused("rig: expected cameras that stand still, or those of 9 frames, got cameras of 5",
          [&] { frames(turning_rig(5), {.frames = 9}); });
  refused("frames: expected 4k + 1", [&] { frames(turning_rig(6), {}); });
}

TEST_CASE("tiles of the whole picture change nothing but rounding, and smaller ones little") {
  const Rollout whole = plan({});
  const Rollout one = plan({.tiling = Tiling{{4, 4}, {4, 4}}});
  CHECK(one.video == whole.video);
  CHECK((one.settings["tiles"]["size"] == nlohmann::json{4, 4}));
  const Rollout tiled = plan({.tiling = Tiling{{3, 2}, {2, 1}}});
  double difference = 0.0;
  for (std::size_t i = 0; i < whole.video.size(); ++i) {
    difference = std::max(difference, std::abs(double(whole.video.data()[i]) - double(tiled.video.data()[i])));
  }
  CHECK(difference <= 1.0);  // the linear VAE has no borders
}

TEST_CASE("a generation tells its stages and can be stopped in each, and at any step") {
  std::map<std::string, std::int64_t> stages;
  plan(
      {.first_action = seen_action(), .steps = 4, .stage_progress = [&](std::string_view stage, auto done, auto total) {
         CHECK(done <= total);
         stages[std::string(stage)] = total - done;
         return true;
       }});
  for (const char* stage : {"pictures", "actions", "cameras", "sample", "video", "action_images"}) {
    CAPTURE(stage);
    REQUIRE(stages.count(stage) == 1);
    CHECK(stages[stage] == 0);
    const GenerateOptions stopping{.first_action = seen_action(),
                                   .stage_progress = [&](std::string_view now, auto, auto) { return now != stage; }};
    CHECK_THROWS_AS(plan(stopping), Interrupted);
  }
  for (int step = 1; step <= 4; ++step) {
    CHECK_THROWS_AS(plan({.steps = 4, .progress = [&](int done, int) { return done != step; }}), Interrupted);
  }
}

TEST_CASE("options that are out of range or exclude each other are refused by name") {
  refused("guidance_rescale: expected a number in [0, 1], got 1.5", [] { plan({.guidance_rescale = 1.5}); });
  refused("guidance_interval: expected 0 <= low <= high <= 1", [] {
    plan({.guidance_interval = SigmaInterval{0.8, 0.2}});
  });
  refused("step_cache_threshold: expected none without", [] { plan({.step_cache_threshold = 0.1}); });
  refused("step_cache_threshold: expected a number in [-0.98, 1]",
          [] { plan({.step_cache = StepCacheKind::cosine, .step_cache_threshold = 2.0}); });
  refused("step_cache_threshold: expected a number >= 0",
          [] { plan({.step_cache = StepCacheKind::easy, .step_cache_threshold = std::nan("")}); });
  refused("sigma_min: expected a number in [0, 1)", [] { plan({.sigma_min = 1.0}); });
  refused("sigma_min, extra_one_step: expected 0 and true with the solver unipc",
          [] { plan({.solver = SolverKind::unipc, .sigma_min = 0.1}); });
  refused("extra_one_step: expected true", [] { plan({.extra_one_step = false}); });
  refused("stride: expected 1 to the size 2", [] { plan({.tiling = Tiling{{2, 2}, {3, 3}}}); });
  refused("action_views: expected none for task i2va", [] { plan({.action_views = {0}}); });
  refused("action_views[1]: expected a rising view within 0..1", [] {
    plan({.task = Task::i2a, .action_views = {1, 1}});
  });
  refused("action_views[0]: expected", [] { plan({.task = Task::i2a, .action_views = {2}}); });
  refused("view_actions: expected none for task i2v",
          [] { plan({.task = Task::i2v, .view_actions = as_seen(tiny_rig(2))}); });
  refused("view_actions: expected none beside actions or first_action",
          [] { plan({.first_action = seen_action(), .view_actions = as_seen(tiny_rig(2))}); });
  refused("view_actions: expected (2, 7) or (2, T, 7)",
          [] { plan({.view_actions = as_seen(tiny_rig(1)), .frames = 5}); });
  refused("view_actions: expected 9 frames, got (5,)",
          [] { plan({.task = Task::a2v, .view_actions = as_seen(tiny_rig(2), 5), .frames = 9}); });
  refused("prompt: expected an instruction",
          [] { model().generate(random_pictures(2), "", tiny_rig(2), {.task = Task::i2a}); });
  refused("expected none, cosine, easy or tea", [] { step_cache_from_name("teacache"); });
  refused("expected \"given\" or \"model\"", [] { pixels_of_from_name("screen"); });
}
