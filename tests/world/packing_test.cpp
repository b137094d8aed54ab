// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/packing.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

using namespace action_images;

namespace {

std::vector<bool> values(const at::Tensor& mask) {
  std::vector<bool> result;
  for (std::int64_t i = 0; i < mask.size(0); ++i) result.push_back(mask[i].item<bool>());
  return result;
}

// Latents whose value tells where they come from: 100 view + 10 stream + frame.
at::Tensor numbered(std::int64_t views, std::int64_t frames, int stream) {
  at::Tensor latents = at::empty({1, views, 2, frames, 1, 1});
  for (std::int64_t view = 0; view < views; ++view) {
    for (std::int64_t frame = 0; frame < frames; ++frame) latents.select(1, view).select(2, frame).fill_(100 * view + 10 * stream + frame);
  }
  return latents;
}

}  // namespace

TEST_CASE("the joint sequence is view-major: video, then action images") {
  const Packing packing = Packing::joint(2, 3);
  const at::Tensor packed = packing.gather(numbered(2, 3, 0), numbered(2, 3, 1));
  CHECK(packed.sizes() == at::IntArrayRef{1, 2, 12, 1, 1});
  const std::vector<double> expected{0, 1, 2, 10, 11, 12, 100, 101, 102, 110, 111, 112};
  for (std::int64_t i = 0; i < packing.size(); ++i) CHECK(packed[0][0][i].item<double>() == expected[i]);
}

TEST_CASE("segments of a packed sequence are what was gathered") {
  for (const std::int64_t views : {1, 2, 3}) {
    const at::Tensor video = at::rand({2, views, 4, 3, 2, 2});
    const at::Tensor action = at::rand({2, views, 4, 3, 2, 2});
    const Packing packing = Packing::joint(views, 3);
    const at::Tensor packed = packing.gather(video, action);
    for (std::int64_t view = 0; view < views; ++view) {
      CHECK(packing.segment(packed, view, Stream::video).equal(video.select(1, view)));
      CHECK(packing.segment(packed, view, Stream::action).equal(action.select(1, view)));
    }
  }
}

TEST_CASE("the first latent frame of every segment is given, and what the task adds") {
  using Mask = std::vector<bool>;
  CHECK(values(Packing::joint(1, 2).clean_mask(Task::i2va, true)) == Mask{true, false, true, false});
  CHECK(values(Packing::joint(1, 2).clean_mask(Task::i2va, false)) == Mask{true, false, false, false});
  CHECK(values(Packing::joint(1, 2).clean_mask(Task::a2v, true)) == Mask{true, false, true, true});
  CHECK(values(Packing::joint(1, 2).clean_mask(Task::v2a, false)) == Mask{true, true, false, false});
  CHECK(values(Packing::of(Task::i2v, 2, 2).clean_mask(Task::i2v, true)) == Mask{true, false, true, false});
}

TEST_CASE("sequence and given frames are the release's for one to three views and every task") {
  // The release lays out views as [v a] (plain video: [v]), T_l latent frames each, and gives the first of every
  // segment; v2a gives all of v, a2v all of a. Its image-to-action sequence keeps one frame of v.
  const std::int64_t frames = 3;
  for (const std::int64_t views : {1, 2, 3}) {
    for (const auto name : task_names) {
      const Task task = task_from_name(name);
      std::vector<double> sequence;
      std::vector<bool> given;
      for (std::int64_t view = 0; view < views; ++view) {
        for (std::int64_t frame = 0; frame < (task == Task::i2a ? 1 : frames); ++frame) {
          sequence.push_back(static_cast<double>(100 * view + frame));
          given.push_back(frame == 0 || task == Task::v2a);
        }
        for (std::int64_t frame = 0; frame < (task == Task::i2v ? 0 : frames); ++frame) {
          sequence.push_back(static_cast<double>(100 * view + 10 + frame));
          given.push_back(frame == 0 || task == Task::a2v);
        }
      }
      const Packing packing = Packing::of(task, views, frames);
      const at::Tensor packed = packing.gather(numbered(views, frames, 0), numbered(views, frames, 1))[0][0].flatten();
      REQUIRE(packing.size() == static_cast<std::int64_t>(sequence.size()));
      for (std::int64_t i = 0; i < packing.size(); ++i) CHECK(packed[i].item<double>() == sequence[i]);
      CHECK(values(packing.clean_mask(task, true)) == given);
      const auto positions = packing.time_positions(TimePositions::packed);
      for (std::int64_t i = 0; i < packing.size(); ++i) CHECK(positions[i] == i);
    }
  }
}

TEST_CASE("image-to-action keeps one video frame of each view and, if asked, its place in time") {
  using Positions = std::vector<std::int64_t>;
  const Packing packing = Packing::image_to_action({1}, 3);
  CHECK(packing.time_positions(TimePositions::packed) == Positions{0, 1, 2, 3});
  CHECK(packing.time_positions(TimePositions::joint) == Positions{6, 9, 10, 11});
  CHECK(packing.views() == Positions{1});
  CHECK(Packing::joint(2, 2).time_positions(TimePositions::joint) == Positions{0, 1, 2, 3, 4, 5, 6, 7});
}

TEST_CASE("a task is known by its name, and no other name is a task") {
  for (const auto name : task_names) CHECK(name_of(task_from_name(name)) == name);
  CHECK_THROWS_WITH_AS(task_from_name("plan"), "[world::task_from_name] task: expected i2va, a2v, v2a, i2v or i2a, got \"plan\"",
                       ValueError);
}
