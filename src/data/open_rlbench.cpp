// SPDX-License-Identifier: Apache-2.0
#include <action_images/data/released_layouts.hpp>

#include <algorithm>
#include <utility>

#include <action_images/codec/action_format.hpp>
#include <action_images/codec_io/camera_params.hpp>
#include <action_images/core/check.hpp>
#include <action_images/core/file.hpp>
#include <action_images/data/frame_sources.hpp>

#include "../tensor/pickle.hpp"
#include "folders.hpp"
#include "npy.hpp"

namespace action_images {
namespace {

constexpr std::string_view where = "data::open_rlbench";
constexpr std::size_t rows_of_a_frame = 4;
constexpr std::uint64_t max_pickle_bytes = 1 << 20;
namespace fs = std::filesystem;

// A pickled list of texts; whatever would have to be called or looked up is refused.
std::vector<std::string> texts_of(const fs::path& file) {
  const std::string bytes = read_file(file, max_pickle_bytes, where);
  const std::string name = file.string();
  const auto refuse = [&](const std::string& got) -> Pickle::Value {
    throw FormatError(expected_text(where, name, "a pickled list of texts", printable(got)));
  };
  const Pickle pickle({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, name,
                      {.global = [&](const std::string& global) { refuse("the name " + global); },
                       .call = [&](const auto&, const auto&, const auto&) { return refuse("a call"); },
                       .persistent = [&](const auto&, const auto&) { return refuse("a reference"); }});
  if (pickle.root().kind != Pickle::Kind::list && pickle.root().kind != Pickle::Kind::tuple) refuse("another value");
  std::vector<std::string> texts;
  for (const Pickle::Id item : pickle.root().items) {
    if (pickle.at(item).kind != Pickle::Kind::text) refuse("a list of other values");
    texts.push_back(pickle.at(item).text);
  }
  return texts;
}

// The action of every frame: row 4k of the file, its last one from the end on.
Trajectory actions_of(const fs::path& file, std::int64_t frames) {
  const NpyArray array = read_npy(file, where);
  const bool fits = array.shape.size() == 2 && array.shape[0] > 0 && array.shape[1] == 8;
  check<FormatError>(fits, where, file.string(), "an array (T >= 1, 8)", shape_text(array.shape));
  const std::int64_t kept = (array.shape[0] + rows_of_a_frame - 1) / static_cast<std::int64_t>(rows_of_a_frame);
  ActionRows rows(std::min(kept, frames), 8);
  for (Eigen::Index k = 0; k < rows.rows(); ++k) {
    std::copy_n(array.values.begin() + 8 * static_cast<std::ptrdiff_t>(rows_of_a_frame) * k, 8, rows.row(k).begin());
  }
  Trajectory trajectory = trajectory_from_rows(rows, ActionFormat::quaternion);
  trajectory.resize(static_cast<std::size_t>(frames), Action(trajectory.back()));
  return trajectory;
}

Episode read_episode(const fs::path& folder) {
  Episode episode{
      .name = folder.string(), .texts = {}, .frames = 0, .frame_rate = 0.0, .views = {}, .actions = {}, .interval = 1};
  episode.texts = texts_of(folder.parent_path().parent_path() / "variation_descriptions.pkl");
  for (const fs::path& view : folders_in(folder, "view")) {
    const fs::path video = view / "rgb" / "video.mp4", cameras = view / "camera_params.json";
    const VideoInfo info = video_info(video);
    const RigFileOptions size{.width = info.width, .height = info.height};
    episode.views.push_back({view.filename().string(),
                             cameras_from_camera_params(detail::read_json(cameras, where), size, cameras.string()),
                             video_file_frames(video)});
    episode.frames = episode.frames == 0 ? info.frames : std::min(episode.frames, info.frames);
    episode.frame_rate = info.frame_rate;
  }
  check<FormatError>(!episode.views.empty(), where, folder.string(), "folders view*", "none");
  episode.actions = actions_of(folder / "actions.npy", episode.frames);
  return episode;
}

}  // namespace

std::shared_ptr<const EpisodeSource> open_rlbench(const fs::path& root) {
  std::vector<fs::path> episodes, descriptions;
  for (const fs::path& task : folders_in(root)) {
    for (const fs::path& variation : folders_in(task, "variation")) {
      const auto found = folders_in(variation / "episodes", "episode");
      episodes.insert(episodes.end(), found.begin(), found.end());
      descriptions.push_back(variation / "variation_descriptions.pkl");
    }
  }
  return std::make_shared<FolderEpisodes>(root, "rlbench", std::move(episodes), read_episode, std::move(descriptions));
}

}  // namespace action_images
