// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/packing.hpp>

#include <algorithm>
#include <numeric>

#include <ATen/ATen.h>

namespace action_images {

void Packing::append(std::int64_t view, Stream stream, std::int64_t count) {
  for (std::int64_t frame = 0; frame < count; ++frame) frames_.push_back({view, stream, frame});
}

Packing Packing::joint(std::int64_t views, std::int64_t latent_frames) {
  Packing packing(latent_frames);
  for (std::int64_t view = 0; view < views; ++view) {
    packing.append(view, Stream::video, latent_frames);
    packing.append(view, Stream::action, latent_frames);
  }
  return packing;
}

Packing Packing::video_only(std::int64_t views, std::int64_t latent_frames) {
  Packing packing(latent_frames);
  for (std::int64_t view = 0; view < views; ++view) packing.append(view, Stream::video, latent_frames);
  return packing;
}

Packing Packing::image_to_action(const std::vector<std::int64_t>& views, std::int64_t latent_frames) {
  Packing packing(latent_frames);
  for (const std::int64_t view : views) {
    packing.append(view, Stream::video, 1);
    packing.append(view, Stream::action, latent_frames);
  }
  return packing;
}

Packing Packing::of(Task task, std::int64_t views, std::int64_t latent_frames) {
  if (task == Task::i2v) return video_only(views, latent_frames);
  if (task != Task::i2a) return joint(views, latent_frames);
  std::vector<std::int64_t> all(static_cast<std::size_t>(views));
  std::iota(all.begin(), all.end(), 0);
  return image_to_action(all, latent_frames);
}

std::vector<std::int64_t> Packing::views() const {
  std::vector<std::int64_t> views;
  for (const PackedFrame& packed : frames_) {
    if (views.empty() || views.back() != packed.view) views.push_back(packed.view);
  }
  return views;
}

bool Packing::has_actions() const {
  return std::any_of(frames_.begin(), frames_.end(), [](const auto& packed) { return packed.stream == Stream::action; });
}

at::Tensor Packing::gather(const at::Tensor& video, const at::Tensor& action) const {
  std::vector<at::Tensor> collected;
  for (const auto& [view, stream, frame] : frames_) {
    collected.push_back((stream == Stream::video ? video : action).select(1, view).select(2, frame));
  }
  return at::stack(collected, 2);
}

at::Tensor Packing::segment(const at::Tensor& packed, std::int64_t view, Stream stream) const {
  std::vector<at::Tensor> collected;
  for (std::int64_t i = 0; i < size(); ++i) {
    if (frames_[i].view == view && frames_[i].stream == stream) collected.push_back(packed.select(2, i));
  }
  return at::stack(collected, 2);
}

at::Tensor Packing::clean_mask(Task task, bool first_action_known, std::int64_t given_views) const {
  at::Tensor mask = at::zeros({size()}, at::kBool);
  auto clean = mask.accessor<bool, 1>();
  for (std::int64_t i = 0; i < size(); ++i) {
    const auto& [view, stream, frame] = frames_[i];
    const bool given = given_views == 0 || view < given_views;
    if (stream == Stream::video) {
      clean[i] = frame == 0 || (given && task == Task::v2a);
    } else {
      clean[i] = (frame == 0 && first_action_known) || (given && task == Task::a2v);
    }
  }
  return mask;
}

std::vector<std::int64_t> Packing::time_positions(TimePositions positions) const {
  std::vector<std::int64_t> result;
  for (const auto& [view, stream, frame] : frames_) {
    const std::int64_t segment = 2 * view + (stream == Stream::action ? 1 : 0);
    const bool joint = positions == TimePositions::joint;
    result.push_back(joint ? segment * latent_frames_ + frame : static_cast<std::int64_t>(result.size()));
  }
  return result;
}

}  // namespace action_images
