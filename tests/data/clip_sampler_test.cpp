// SPDX-License-Identifier: Apache-2.0
#include <action_images/data/clip_sampler.hpp>

#include <map>
#include <mutex>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <action_images/data/clip_loader.hpp>

#include "episodes.hpp"

using namespace action_images;

namespace {

std::shared_ptr<const EpisodeSource> source(const std::string& name, std::int64_t size,
                                            std::vector<std::int64_t> bad = {}) {
  return std::make_shared<made::Episodes>(name, size, made::Kind{.frames = 8}, std::move(bad));
}

ClipSamplerOptions options(std::uint64_t seed = 1) {
  return {.window = {.frames = 5, .height = 12, .width = 16, .views = 2},
          .seed = seed,
          .max_bad_share = 0.05,
          .on_bad = {}};
}

bool same(const Clip& a, const Clip& b) {
  return a.episode == b.episode && a.start == b.start && a.views == b.views && a.text == b.text &&
         a.video.equal(b.video);
}

}  // namespace

TEST_CASE("a clip follows from seed and index alone") {
  const ClipSampler first({{source("a", 20), 0.7}, {source("b", 30), 0.3}}, options());
  const ClipSampler second({{source("a", 20), 7.0}, {source("b", 30), 3.0}}, options());
  for (const std::int64_t index : {5, 0, 1000000007, 3}) CHECK(same(first.clip(index), second.clip(index)));
  CHECK(first.fingerprint() == second.fingerprint());
  const ClipSampler other({{source("a", 20), 0.7}, {source("b", 30), 0.3}}, options(2));
  int equal = 0;
  for (std::int64_t index = 0; index < 20; ++index) equal += same(first.clip(index), other.clip(index)) ? 1 : 0;
  CHECK(equal < 3);
  CHECK(first.fingerprint() != other.fingerprint());
}

TEST_CASE("sources are drawn by their shares, and episodes evenly") {
  const ClipSampler sampler({{source("a", 4), 0.75}, {source("b", 2), 0.25}}, options());
  std::map<std::string, int> counts;
  for (std::int64_t index = 0; index < 2000; ++index) ++counts[sampler.clip(index).episode];
  REQUIRE(counts.size() == 6);
  for (const auto& [name, count] : counts) {
    const double expected = 2000 * (name[0] == 'a' ? 0.75 / 4 : 0.25 / 2);
    CHECK(std::abs(count - expected) < 5 * std::sqrt(expected));
  }
}

TEST_CASE("a bad episode is reported and counted, and another one stands for it, always the same") {
  std::vector<BadEpisode> met;
  ClipSamplerOptions tolerant = options();
  tolerant.max_bad_share = 0.9;
  tolerant.on_bad = [&](const BadEpisode& bad) { met.push_back(bad); };
  const ClipSampler sampler({{source("a", 10, {3, 4}), 1.0}}, tolerant);
  const ClipSampler again({{source("a", 10, {3, 4}), 1.0}}, tolerant);
  for (std::int64_t index = 0; index < 50; ++index) {
    const Clip clip = sampler.clip(index);
    CHECK(clip.episode != "a[3]");
    CHECK(clip.episode != "a[4]");
  }
  const ClipSamplerReport report = sampler.report();
  CHECK(report.draws == 50 + report.bad);
  CHECK(report.bad == std::ssize(met));
  CHECK(report.bad > 0);
  REQUIRE(report.reasons.size() == 1);
  CHECK(report.reasons.begin()->first == "expected a good one");
  CHECK((met[0].name == "a[3]" || met[0].name == "a[4]"));
  for (std::int64_t index = 49; index >= 0; --index) CHECK(same(sampler.clip(index), again.clip(index)));
}

TEST_CASE("too many bad episodes stop the run with their share, number and first reason") {
  const ClipSampler sampler({{source("a", 4, {0, 1, 2}), 1.0}}, options());
  std::string message;
  try {
    for (std::int64_t index = 0; index < 100; ++index) sampler.clip(index);
  } catch (const FormatError& error) {
    message = error.what();
  }
  CHECK(message.find("at most 5 % bad ones, got 6 in ") != std::string::npos);
  CHECK(message.find("expected a good one") != std::string::npos);
}

TEST_CASE("mixtures are written as names and ratios") {
  const auto entries = mixture_from_text(" native:data/x@2 , droid@1,rlbench@0, b@1", "root");
  REQUIRE(entries.size() == 3);
  CHECK(entries[0].spec == "native:data/x");
  CHECK(entries[0].share == 0.5);
  CHECK(entries[1].spec == "droid:root/droid");
  CHECK(entries[2].spec == "root/b");
  CHECK(mixture_from_text("somewhere")[0].share == 1.0);
  CHECK_THROWS_AS(mixture_from_text(""), ValueError);
  CHECK_THROWS_AS(mixture_from_text("a@0"), ValueError);
  CHECK_THROWS_AS(mixture_from_text("a@-1"), ValueError);
  CHECK_THROWS_AS(mixture_from_text("a@much"), ValueError);
  CHECK_THROWS_AS(ClipSampler({}, options()), ValueError);
  CHECK_THROWS_AS(ClipSampler({{source("empty", 0), 1.0}}, options()), ValueError);
}

TEST_CASE("a loader gives the sampler's clips in order, for any number of threads and any bounds") {
  const auto sampler =
      std::make_shared<const ClipSampler>(std::vector<MixtureSource>{{source("a", 20), 1.0}}, options());
  for (const int threads : {1, 3, 8}) {
    for (const std::int64_t max_bytes : {std::int64_t{1}, std::int64_t{1} << 30}) {
      ClipLoader loader(sampler, [](std::int64_t position) { return 3 * position + 1; },
                        {.threads = threads, .count = 20, .max_clips = 4, .max_bytes = max_bytes});
      for (std::int64_t position = 0; position < 20; ++position) {
        const auto clip = loader.next();
        REQUIRE(clip.has_value());
        CHECK(same(*clip, sampler->clip(3 * position + 1)));
      }
      CHECK(!loader.next().has_value());
      CHECK(loader.wait_seconds() >= 0.0);
    }
  }
}

TEST_CASE("an error comes when it is its clip's turn, and again") {
  ClipSamplerOptions strict = options();
  strict.max_bad_share = 0.0;
  const auto sampler =
      std::make_shared<const ClipSampler>(std::vector<MixtureSource>{{source("a", 2, {1}), 1.0}}, strict);
  ClipLoader loader(sampler, [](std::int64_t position) { return position; }, {.threads = 2});
  const auto take_many = [&] {
    for (int i = 0; i < 100; ++i) loader.next();
  };
  CHECK_THROWS_AS(take_many(), FormatError);
  CHECK_THROWS_AS(loader.next(), FormatError);
}

TEST_CASE("a loader that is let go stops, whether its clips were taken or not") {
  const auto sampler =
      std::make_shared<const ClipSampler>(std::vector<MixtureSource>{{source("a", 5), 1.0}}, options());
  for (int taken : {0, 1, 5}) {
    ClipLoader loader(sampler, [](std::int64_t position) { return position; }, {.threads = 4, .max_clips = 3});
    for (int i = 0; i < taken; ++i) loader.next();
  }
  const LoaderOptions none{.threads = 0};
  CHECK_THROWS_AS(ClipLoader(
                      sampler, [](std::int64_t position) { return position; }, none),
                  ValueError);
}
