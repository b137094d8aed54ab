// SPDX-License-Identifier: Apache-2.0
#include <action_images/data/released_layouts.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <utility>

#include <action_images/codec_io/camera_params.hpp>
#include <action_images/core/check.hpp>
#include <action_images/data/frame_sources.hpp>

#include "droid_calibration.hpp"
#include "folders.hpp"
#include "npy.hpp"

namespace action_images {
namespace {

constexpr std::string_view where = "data::open_droid";
constexpr std::uint64_t max_shared_bytes = std::uint64_t{1} << 30;
namespace fs = std::filesystem;
using detail::JsonField;

// A document of all episodes, or none if there is no such file; it may be larger than a calibration file.
struct SharedFile {
  fs::path path;
  std::optional<nlohmann::json> document;

  SharedFile(const fs::path& root, const std::string& name) : path(root / name) {
    if (!fs::exists(path)) path = root / "processed" / name;
    if (fs::exists(path)) document = detail::parse_json(read_file(path, max_shared_bytes, where), path.string(), where);
  }

  // What it says of an episode, or nullptr.
  const nlohmann::json* of(const std::string& episode) const {
    if (!document || !document->is_object() || !document->contains(episode)) return nullptr;
    return &document->at(episode);
  }
};

std::string serial_from(const JsonField& field) {
  const bool number = field.value.is_number_integer();
  return number ? field.value.dump() : detail::string_from_json(field);
}

// [x y z, ex ey ez] of a camera in the robot's frame.
Eigen::Affine3d pose_from(const JsonField& field) {
  const bool six =
      field.value.is_array() && field.value.size() == 6 &&
      std::all_of(field.value.begin(), field.value.end(), [](const auto& number) { return number.is_number(); });
  field.check_that(six, "[x, y, z, ex, ey, ez]");
  const auto number = [&](std::size_t i) { return field.value[i].get<double>(); };
  Eigen::Affine3d pose = Eigen::Affine3d::Identity();
  pose.linear() = rotation_from_euler({number(3), number(4), number(5)});
  pose.translation() << number(0), number(1), number(2);
  return pose;
}

// Counts what the files lacked, over the episodes read so far.
struct Lacks {
  std::atomic<std::int64_t> read{0}, gripper{0}, base{0};
};

class DroidReader {
 public:
  DroidReader(const fs::path& root, const DroidOptions& options)
      : poses_(root, "cam2base_extrinsic_superset.json"), serials_(root, "camera_serials.json"), options_(options) {}

  Episode read(const fs::path& folder) const {
    Episode episode{.name = folder.string(),
                    .texts = {},
                    .frames = 0,
                    .frame_rate = 0.0,
                    .views = {},
                    .actions = {},
                    .interval = 4};
    const auto lines = lines_of(folder / "instruction.txt", where);
    if (!lines.empty()) episode.texts = {lines.front()};
    const fs::path file = folder / "camera.json";
    const auto document = detail::read_json(file, where);
    const JsonField cameras{document, file.string() + ": ", where};
    bool in_base = true;
    std::vector<DroidView> views;
    for (const fs::path& video : files_in(folder / "video", ".mp4")) {
      const std::string name = video.filename().string().substr(0, video.filename().string().find('.'));
      const VideoInfo info = video_info(video);
      const RigFileOptions size{.width = info.width, .height = info.height};
      const Camera in_file = detail::camera_from_extrinsics(cameras[name], size);
      const auto pose = pose_in_base(folder.filename().string(), name);
      in_base = in_base && pose.has_value();
      views.push_back({pose ? in_file.moved_to(pose->matrix()) : in_file, in_file.world_from_camera()});
      episode.views.push_back({name, {views.back().camera}, video_file_frames(video)});
      episode.frames = episode.frames == 0 ? info.frames : std::min(episode.frames, info.frames);
      episode.frame_rate = info.frame_rate;
    }
    ++lacks_.read;
    const bool known = in_base || !poses_.document || options_.keep_actions;
    if (!known) ++lacks_.base;
    if (known && fs::exists(folder / "action.npz")) read_actions(folder / "action.npz", episode);
    if (episode.actions && in_base) check_calibration(views, *episode.actions, folder);
    return episode;
  }

  std::vector<fs::path> shared_files() const { return {poses_.path, serials_.path}; }

  std::vector<std::string> notices() const {
    std::vector<std::string> notices;
    if (!poses_.document) {
      notices.push_back(text_of(poses_.path.string(),
                                " is not there: the cameras of camera.json are taken to be in the robot's frame"));
    }
    if (lacks_.base > 0) {
      notices.push_back(text_of(lacks_.base, " of ", lacks_.read, " episodes read so far are not in ",
                                poses_.path.string(),
                                ": without the cameras in the robot's frame their actions are left out"));
    }
    if (lacks_.gripper > 0) {
      notices.push_back(text_of(lacks_.gripper, " of ", lacks_.read,
                                " episodes read so far have no array \"gripper\" in action.npz: ",
                                "their openness is 1 throughout, as in the release"));
    }
    return notices;
  }

 private:
  // nullopt if one of the shared files does not say it.
  std::optional<Eigen::Affine3d> pose_in_base(const std::string& episode, const std::string& view) const {
    const nlohmann::json* const serials = serials_.of(episode);
    const nlohmann::json* const poses = poses_.of(episode);
    if (serials == nullptr || poses == nullptr) return std::nullopt;
    const JsonField of_episode{*serials, text_of(serials_.path.string(), ": ", printable(episode, 100)), where};
    of_episode.check_that(serials->is_object(), "an object with a serial number for every camera");
    for (const auto& [key, value] : serials->items()) {
      if (key.find(view) == std::string::npos) continue;
      const std::string serial = serial_from(of_episode[key]);
      if (!poses->is_object() || !poses->contains(serial)) return std::nullopt;
      return pose_from(
          {poses->at(serial), text_of(poses_.path.string(), ": ", printable(episode, 100), '.', serial), where});
    }
    return std::nullopt;
  }

  // Frames past the last action have none, so the episode ends with it.
  void read_actions(const fs::path& file, Episode& episode) const {
    const auto arrays = read_npz(file, where);
    const auto poses = arrays.find("action"), gripper = arrays.find("gripper");
    check<FormatError>(poses != arrays.end(), where, file.string(), "an array \"action\"", "none");
    const auto& shape = poses->second.shape;
    const bool fits = shape.size() == 2 && shape[0] >= 1 && shape[1] == 6;
    check<FormatError>(fits, where, file.string() + ": action", "(T >= 1, 6)", shape_text(shape));
    const bool has_gripper = gripper != arrays.end();
    if (!has_gripper) ++lacks_.gripper;
    check<FormatError>(!has_gripper || static_cast<std::int64_t>(gripper->second.values.size()) >= shape[0], where,
                       file.string() + ": gripper", text_of(shape[0], " numbers"),
                       has_gripper ? gripper->second.values.size() : 0);
    episode.frames = std::min(episode.frames, shape[0]);
    episode.actions.emplace();
    for (std::int64_t t = 0; t < episode.frames; ++t) {
      const double* const row = poses->second.values.data() + 6 * t;
      const double closed = has_gripper ? gripper->second.values[static_cast<std::size_t>(t)] : 0.0;
      episode.actions->push_back(
          {{row[0], row[1], row[2]}, {row[3], row[4], row[5]}, 1.0 - std::clamp(closed, 0.0, 1.0)});
    }
  }

  void check_calibration(const std::vector<DroidView>& views, const Trajectory& actions, const fs::path& folder) const {
    const auto residual = calibration_residual(views, actions);
    const bool agrees = !residual || *residual <= options_.max_residual;
    check<EpisodeRejected>(agrees, where, folder.string() + ": residual of the calibration",
                           text_of("at most ", options_.max_residual, " of the picture's width"),
                           residual.value_or(0.0));
    const double jump = largest_jump(actions);
    check<EpisodeRejected>(jump <= options_.max_jump, where, folder.string() + ": base",
                           text_of("one that stands still: at most ", options_.max_jump, " m between frames"),
                           text_of(jump, " m"));
  }

  SharedFile poses_, serials_;
  DroidOptions options_;
  mutable Lacks lacks_;
};

class DroidEpisodes : public FolderEpisodes {
 public:
  DroidEpisodes(const fs::path& root, std::shared_ptr<const DroidReader> reader)
      : FolderEpisodes(
            root, "droid", processed_episodes(root), [reader](const fs::path& folder) { return reader->read(folder); },
            reader->shared_files()),
        reader_(reader) {}

  std::vector<std::string> notices() const override { return reader_->notices(); }

 private:
  std::shared_ptr<const DroidReader> reader_;
};

}  // namespace

std::shared_ptr<const EpisodeSource> open_droid(const fs::path& root, const DroidOptions& options) {
  return std::make_shared<DroidEpisodes>(root, std::make_shared<const DroidReader>(root, options));
}

}  // namespace action_images
