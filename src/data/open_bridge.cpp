// SPDX-License-Identifier: Apache-2.0
#include <action_images/data/released_layouts.hpp>

#include <algorithm>
#include <utility>

#include <action_images/codec/rotation.hpp>
#include <action_images/codec_io/trajectory_file.hpp>
#include <action_images/core/check.hpp>
#include <action_images/data/frame_sources.hpp>

#include "folders.hpp"
#include "npy.hpp"

namespace action_images {
namespace {

constexpr std::string_view where = "data::open_bridge";
namespace fs = std::filesystem;
using RowMatrix3 = Eigen::Matrix<double, 3, 3, Eigen::RowMajor>;
using RowMatrix34 = Eigen::Matrix<double, 3, 4, Eigen::RowMajor>;

NpyArray read_matrices(const fs::path& file, std::int64_t columns) {
  NpyArray array = read_npy(file, where);
  const bool fits = array.shape.size() == 3 && array.shape[1] == 3 && array.shape[2] == columns;
  check<FormatError>(fits, where, file.string(), text_of("an array (V, 3, ", columns, ')'), shape_text(array.shape));
  return array;
}

// Rotations of float32 are made exact.
Camera camera_of(const double* intrinsics, const double* extrinsics, const VideoInfo& info) {
  const Eigen::Map<const RowMatrix34> pose(extrinsics);
  const auto rotation = rotation_from_matrix(pose.leftCols<3>());
  check(rotation.has_value(), where, "extrinsic", "rotations orthonormal within 1e-4", "another matrix");
  return Camera::from_opencv(Eigen::Map<const RowMatrix3>(intrinsics), *rotation, pose.col(3),
                             {info.width, info.height})
      .mirrored();
}

// The number that a video is called, which is that of its camera.
std::size_t number_of(const fs::path& video, std::size_t cameras) {
  const auto number = detail::number_of(video.stem().string());
  const bool fits = number && *number >= 0.0 && *number < static_cast<double>(cameras);
  check<FormatError>(fits, where, video.string(), text_of("a video called 0.mp4 .. ", cameras - 1, ".mp4"),
                     video.filename().string());
  return static_cast<std::size_t>(*number);
}

Episode read_episode(const fs::path& folder) {
  Episode episode{.name = folder.string(),
                  .texts = lines_of(folder / "instruction.txt", where),
                  .frames = 0,
                  .frame_rate = 0.0,
                  .views = {},
                  .actions = {},
                  .interval = 1};
  const NpyArray extrinsics = read_matrices(folder / "vggt" / "0" / "extrinsic.npy", 4);
  const NpyArray intrinsics = read_matrices(folder / "vggt" / "0" / "intrinsic.npy", 3);
  const auto cameras = static_cast<std::size_t>(std::min(extrinsics.shape[0], intrinsics.shape[0]));
  for (const fs::path& video : files_in(folder / "video", ".mp4")) {
    const std::size_t view = number_of(video, cameras);
    const VideoInfo info = video_info(video);
    const Camera camera = camera_of(intrinsics.values.data() + 9 * view, extrinsics.values.data() + 12 * view, info);
    episode.views.push_back({video.stem().string(), {camera}, video_file_frames(video)});
    episode.frames = episode.frames == 0 ? info.frames : std::min(episode.frames, info.frames);
    episode.frame_rate = info.frame_rate;
  }
  return episode;
}

}  // namespace

std::shared_ptr<const EpisodeSource> open_bridge(const fs::path& root) {
  return std::make_shared<FolderEpisodes>(root, "bridge", processed_episodes(root), read_episode);
}

}  // namespace action_images
