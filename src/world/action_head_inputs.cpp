// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include <action_images/codec/rotation.hpp>
#include <action_images/core/check.hpp>

#include "action_head_frame.hpp"

namespace action_images {
namespace {

constexpr const char* where = "world::action_head_inputs";
using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Pose and intrinsics of a camera in OpenCV's axes, with positive focal lengths.
struct PlainCamera {
  Eigen::Affine3d world_from_camera;
  Eigen::Matrix3d intrinsics;
};

PlainCamera plain(const Camera& camera) {
  PlainCamera plain{camera.world_from_camera(), camera.intrinsics()};
  if (plain.intrinsics(0, 0) < 0.0) {  // half a turn about the line of sight
    plain.intrinsics.leftCols<2>() *= -1.0;
    plain.world_from_camera.linear().leftCols<2>() *= -1.0;
  }
  plain.world_from_camera.linear() = detail::nearest_rotation(plain.world_from_camera.linear());
  return plain;
}

at::Tensor tensor_of(const Rows& rows) {
  return at::from_blob(const_cast<float*>(rows.data()), {1, rows.rows(), rows.cols()}, at::kFloat).clone();
}

void write_camera(const Camera& camera, const Eigen::Affine3d& frame_from_world, float* row) {
  const PlainCamera seen = plain(camera);
  const Eigen::Affine3d pose = frame_from_world * seen.world_from_camera;
  const Eigen::Matrix3d& k = seen.intrinsics;
  const double width = camera.width(), height = camera.height();
  Eigen::Matrix<double, camera_size, 1> numbers;
  numbers << k(0, 0) / width, k(1, 1) / height, k(0, 2) / width, k(1, 2) / height, pose.linear().transpose().reshaped(),
      pose.translation();
  std::transform(numbers.begin(), numbers.end(), row, [](double number) { return static_cast<float>(number); });
}

at::Tensor cameras_of(const Rig& rig, std::size_t frames) {
  const Eigen::Affine3d frame_from_world = action_head_frame(rig).inverse();
  Rows rows(static_cast<Eigen::Index>(frames), static_cast<Eigen::Index>(rig.size()) * camera_size);
  for (std::size_t t = 0; t < frames; ++t) {
    for (std::size_t view = 0; view < rig.size(); ++view) {
      const auto offset = static_cast<std::ptrdiff_t>(t * rig.size() + view) * camera_size;
      write_camera(rig.camera(view, t), frame_from_world, rows.data() + offset);
    }
  }
  return tensor_of(rows);
}

// Position, rotation's first two columns, openness, confidence of every action; one that is not known is at the origin
// with confidence 0.
at::Tensor decoded_of(const ActionHeadClip& clip) {
  const Eigen::Affine3d frame_from_world = action_head_frame(clip.rig).inverse();
  Rows rows(static_cast<Eigen::Index>(clip.decoded.size()), decoded_size);
  for (std::size_t t = 0; t < clip.decoded.size(); ++t) {
    const Action& action = clip.decoded[t];
    Eigen::Matrix<double, decoded_size, 1> row;
    row << Eigen::Vector3d::Zero(), Eigen::Vector3d::UnitX(), Eigen::Vector3d::UnitY(), 1.0, 0.0;
    if (action.is_finite()) {
      const Eigen::Matrix3d rotation = frame_from_world.linear() * rotation_from_euler(action.euler);
      const double confidence = std::isfinite(clip.confidence[t]) ? clip.confidence[t] : 0.0;
      row << frame_from_world * action.position, rotation.col(0), rotation.col(1), action.openness, confidence;
    }
    rows.row(static_cast<Eigen::Index>(t)) = row.transpose().cast<float>();
  }
  return tensor_of(rows);
}

// (1, T_l, V 2 (C pool^2 + 1))
at::Tensor latents_of(const ActionHeadClip& clip, const ActionHeadConfig& config, std::int64_t latent_frames) {
  const std::int64_t pool = config.latent_pool, values = config.channels * pool * pool;
  const at::Tensor frames = clip.latents.to(at::kCPU, at::kFloat).transpose(0, 1);
  const at::Tensor pooled = at::adaptive_avg_pool2d(frames, {pool, pool});
  at::Tensor features = at::zeros({latent_frames, config.views, 2, values + 1}, at::kFloat);
  for (std::int64_t i = 0; i < clip.packing.size(); ++i) {
    const auto& [view, stream, frame] = clip.packing.frames()[static_cast<std::size_t>(i)];
    const at::Tensor target = features[frame][view][stream == Stream::video ? 0 : 1];
    target.narrow(0, 0, values).copy_(pooled[i].flatten());
    target.narrow(0, values, 1).fill_(1.0);
  }
  return features.flatten(1).unsqueeze(0);
}

void check_clip(const ActionHeadClip& clip, const ActionHeadConfig& config) {
  const auto frames = static_cast<std::int64_t>(clip.decoded.size());
  check_shape(frames > 0 && (frames - 1) % config.temporal_stride == 0, where, "decoded",
              text_of("(", config.temporal_stride, " k + 1,)"), {frames});
  check_shape(clip.confidence.size() == clip.decoded.size(), where, "confidence", shape_text({frames}),
              {static_cast<std::int64_t>(clip.confidence.size())});
  check_shape(static_cast<std::int64_t>(clip.rig.size()) == config.views, where, "rig", text_of(config.views, " views"),
              {static_cast<std::int64_t>(clip.rig.size())});
  check(!clip.rig.is_moving() || static_cast<std::int64_t>(clip.rig.frames()) == frames, where, "rig",
        text_of("cameras that stand still, or those of ", frames, " frames"), clip.rig.frames());
  const at::IntArrayRef sizes = clip.latents.sizes();
  check_shape(sizes.size() == 4 && sizes[0] == config.channels && sizes[1] == clip.packing.size() && sizes[2] > 0 &&
                  sizes[3] > 0,
              where, "latents", text_of("(", config.channels, ", ", clip.packing.size(), ", h, w)"), sizes);
  const std::int64_t latent_frames = 1 + (frames - 1) / config.temporal_stride;
  for (const auto& [view, stream, frame] : clip.packing.frames()) {
    check(view < config.views && frame < latent_frames, where, "packing",
          text_of(config.views, " views and ", latent_frames, " latent frames"),
          text_of("view ", view, ", frame ", frame));
  }
  check(clip.packing.has_actions(), where, "packing", "a sequence with actions", "one without");
}

}  // namespace

Eigen::Affine3d action_head_frame(const Rig& rig) { return plain(rig[0]).world_from_camera; }

ActionHeadInputs action_head_inputs(const ActionHeadClip& clip, const ActionHeadConfig& config) {
  check_clip(clip, config);
  const auto frames = static_cast<std::int64_t>(clip.decoded.size());
  return {.latents = latents_of(clip, config, 1 + (frames - 1) / config.temporal_stride),
          .cameras = cameras_of(clip.rig, clip.decoded.size()),
          .decoded = decoded_of(clip)};
}

ActionHeadPoses action_head_poses(const Trajectory& actions, const Rig& rig) {
  check_trajectory(actions, "world::action_head_poses");
  const Eigen::Affine3d frame_from_world = action_head_frame(rig).inverse();
  const auto count = static_cast<Eigen::Index>(actions.size());
  Rows positions(count, 3), rotations(count, 9), openness(count, 1);
  for (Eigen::Index t = 0; t < count; ++t) {
    const Action& action = actions[static_cast<std::size_t>(t)];
    const Eigen::Matrix<double, 3, 3, Eigen::RowMajor> rotation =
        frame_from_world.linear() * rotation_from_euler(action.euler);
    positions.row(t) = (frame_from_world * action.position).transpose().cast<float>();
    rotations.row(t) = Eigen::Map<const Eigen::Matrix<double, 1, 9>>(rotation.data()).cast<float>();
    openness(t, 0) = static_cast<float>(action.openness);
  }
  return {.position = tensor_of(positions),
          .rotation = tensor_of(rotations).unflatten(2, {3, 3}),
          .openness = tensor_of(openness).squeeze(2)};
}

}  // namespace action_images
