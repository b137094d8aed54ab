// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/tasks.hpp>

#include <map>

#include <doctest/doctest.h>

using namespace action_images;

namespace {

// Shares of what a mixture draws, by task; "1" after the name where only the first view is given.
std::map<std::string, double> shares(const TaskMixture& mixture, std::string_view source, bool has_actions) {
  constexpr int count = 4000;
  std::map<std::string, double> shares;
  for (int i = 0; i < count; ++i) {
    at::Generator generator = sample_generator(7, i);
    const TaskDraw draw = mixture.draw(source, has_actions, generator);
    shares[std::string(name_of(draw.task)) + (draw.given_views == 1 ? "1" : "")] += 1.0 / count;
  }
  return shares;
}

}  // namespace

TEST_CASE("the release's mixture has its shares, with image to action on RLBench alone") {
  const TaskMixture mixture = TaskMixture::from_json("release");
  auto rlbench = shares(mixture, "rlbench", true);
  CHECK(rlbench["i2v"] == doctest::Approx(0.1).epsilon(0.2));
  CHECK(rlbench["i2a"] == doctest::Approx(0.09).epsilon(0.2));
  CHECK(rlbench["i2va"] == doctest::Approx(0.729).epsilon(0.05));
  CHECK(rlbench["v2a1"] == doctest::Approx(0.0405).epsilon(0.3));
  CHECK(rlbench["v2a"] == doctest::Approx(0.0405).epsilon(0.3));
  auto droid = shares(mixture, "droid", true);
  CHECK(droid.count("i2a") == 0);
  CHECK(droid["i2va"] == doctest::Approx(0.81).epsilon(0.05));
}

TEST_CASE("the paper's mixture has its shares") {
  auto drawn = shares(TaskMixture::from_json("paper"), "droid", true);
  CHECK(drawn["i2va"] == doctest::Approx(0.85).epsilon(0.05));
  for (const char* name : {"i2v", "v2a", "a2v"}) CHECK(drawn[name] == doctest::Approx(0.05).epsilon(0.3));
}

TEST_CASE("clips without actions are plain video in every mixture") {
  for (const nlohmann::json& json : {nlohmann::json("release"), nlohmann::json("paper"), nlohmann::json{{"v2a", 1.0}}}) {
    const auto drawn = shares(TaskMixture::from_json(json), "bridge", false);
    CHECK(drawn.size() == 1);
    CHECK(drawn.count("i2v") == 1);
  }
}

TEST_CASE("a sample draws the same numbers whenever it is asked for, and other ones than its neighbour") {
  at::Generator first = sample_generator(3, 10), again = sample_generator(3, 10), next = sample_generator(3, 11);
  const double number = draw_uniform(first);
  CHECK(draw_uniform(again) == number);
  CHECK(draw_uniform(next) != number);
}

TEST_CASE("a mixture that says nothing is refused") {
  CHECK_THROWS_AS(TaskMixture::from_json("both"), FormatError);
  CHECK_THROWS_AS(TaskMixture::from_json({{"i2va", 0.0}}), FormatError);
  CHECK_THROWS_AS(TaskMixture::from_json({{"i2va", -1.0}}), FormatError);
  CHECK_THROWS_AS(TaskMixture::from_json({{"fly", 1.0}}), ValueError);
}
