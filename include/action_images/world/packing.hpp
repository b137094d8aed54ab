// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include <action_images/world/task.hpp>

namespace action_images {

enum class Stream { video, action };

/// One latent frame of the packed sequence: the `frame`-th of a view's video or action images.
struct PackedFrame {
  std::int64_t view;
  Stream stream;
  std::int64_t frame;
};

/// How the rotary time index of a packed latent frame is counted.
enum class TimePositions {
  packed,  ///< its place in the sequence, whatever the sequence holds (Wan, the release)
  joint,   ///< its place in the joint sequence of all views, also when the sequence holds only a part of it
};

/// Which latent frames the transformer sees and in which order, along its time axis. Paper Eq. 10.
class Packing {
 public:
  /// [video_1, action_1, video_2, action_2, ...]
  static Packing joint(std::int64_t views, std::int64_t latent_frames);
  /// [video_1, video_2, ...]
  static Packing video_only(std::int64_t views, std::int64_t latent_frames);
  /// [video_1[0], action_1, video_2[0], action_2, ...] for the listed views of `joint`.
  static Packing image_to_action(const std::vector<std::int64_t>& views, std::int64_t latent_frames);
  /// The sequence of a task: `video_only` for i2v, `image_to_action` of all views for i2a, `joint` for the others.
  static Packing of(Task task, std::int64_t views, std::int64_t latent_frames);

  const std::vector<PackedFrame>& frames() const { return frames_; }
  std::int64_t size() const { return static_cast<std::int64_t>(frames_.size()); }
  /// The views that occur, in order.
  std::vector<std::int64_t> views() const;
  bool has_actions() const;

  /// Collects the sequence. @param video,action [B, V, C, T_l, h, w]; action may be undefined without actions.
  /// @return [B, C, T, h, w]
  at::Tensor gather(const at::Tensor& video, const at::Tensor& action) const;

  /// The latent frames of one view's stream. @param packed [B, C, T, h, w]  @return [B, C, n, h, w]
  at::Tensor segment(const at::Tensor& packed, std::int64_t view, Stream stream) const;

  /// True where a latent frame is given clean: the first of every segment, and what the task adds.
  /// @param first_action_known false: the first latent frame of an action segment is generated too.
  /// @param given_views  v2a and a2v give the streams of the first so many views only; 0: of all.
  /// @return bool [T]
  at::Tensor clean_mask(Task task, bool first_action_known, std::int64_t given_views = 0) const;

  /// Rotary time index of every latent frame.
  std::vector<std::int64_t> time_positions(TimePositions positions) const;

 private:
  explicit Packing(std::int64_t latent_frames) : latent_frames_(latent_frames) {}
  void append(std::int64_t view, Stream stream, std::int64_t count);

  std::vector<PackedFrame> frames_;
  std::int64_t latent_frames_;
};

}  // namespace action_images
