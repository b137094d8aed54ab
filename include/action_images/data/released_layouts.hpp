// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <limits>
#include <memory>

#include <action_images/data/episode_source.hpp>

/// The layouts on disk of the data sets that Action Images was released with; docs/datasets.md describes them.

namespace action_images {

/// RLBench: TASK/variation*/episodes/episode*/{actions.npy, view*/rgb/video.mp4, view*/camera_params.json}, and
/// variation*/variation_descriptions.pkl, which is read as data and never executed. Row 4k of actions.npy (x y z,
/// quaternion with the scalar last, openness) is of frame k; a view's last camera and the last action serve from their
/// end on.
/// @throws FormatError if there is no episode.
std::shared_ptr<const EpisodeSource> open_rlbench(const std::filesystem::path& root);

/// Which episodes of DROID are refused for their calibration; none by default.
struct DroidOptions {
  /// Most residual of the calibration: how far apart the two sources of cameras put the gripper in a picture, as a
  /// share of its width; see docs/datasets.md. Needs two views and both sources.
  double max_residual = std::numeric_limits<double>::infinity();
  /// Most distance of the gripper from one frame to the next [m]: more of it means that the base was moved.
  double max_jump = std::numeric_limits<double>::infinity();
  /// Whether actions are kept when cam2base_extrinsic_superset.json lacks the episode, so that the cameras may not be
  /// in the robot's frame; as released.
  bool keep_actions = false;
};

/// DROID: [processed/]EPISODE/{video/*.mp4, camera.json, instruction.txt, action.npz}, and beside the episodes
/// cam2base_extrinsic_superset.json and camera_serials.json. Openness is 1 - clip(gripper, 0, 1) where action.npz has
/// `gripper`, else 1, which a notice says. Clips take every fourth frame.
/// @throws FormatError if there is no episode.
std::shared_ptr<const EpisodeSource> open_droid(const std::filesystem::path& root, const DroidOptions& options = {});

/// Bridge: [processed/]EPISODE/{video/0.mp4 1.mp4 ..., vggt/0/extrinsic.npy, vggt/0/intrinsic.npy, instruction.txt};
/// no actions. The cameras, VGGT's, get negative focal lengths as those of RLBench have them (`Camera::mirrored`).
/// @throws FormatError if there is no episode.
std::shared_ptr<const EpisodeSource> open_bridge(const std::filesystem::path& root);

}  // namespace action_images
