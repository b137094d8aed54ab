// SPDX-License-Identifier: Apache-2.0
#include <action_images/data/native.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <set>
#include <system_error>
#include <vector>

#include <action_images/codec_io/rig_file.hpp>
#include <action_images/codec_io/trajectory_file.hpp>
#include <action_images/core/check.hpp>
#include <action_images/core/file.hpp>
#include <action_images/core/interrupted.hpp>
#include <action_images/core/parallel.hpp>
#include <action_images/video/video.hpp>

#include "native_format.hpp"

namespace action_images {
namespace {

constexpr std::string_view where = "data::write_native";
namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr double unknown_rate = 30.0;        // of a video whose episode has none [1/s]
constexpr std::int64_t frames_at_once = 32;  // read before they are written

// What one call writes; two calls with the same one continue each other.
Json description_of(const EpisodeSource& source, const WriteNativeOptions& options) {
  return {
      {"format", native::dataset_format},
      {"version", native::version},
      {"episodes", source.size()},
      {"video",
       {{"crf", options.crf}, {"lossless", options.lossless}, {"height", options.height}, {"width", options.width}}},
      {"source", {{"name", source.name()}, {"layout", source.layout()}, {"fingerprint", source.fingerprint()}}}};
}

std::string text_of_json(const Json& json) {
  return json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

// A name for the files of a view: what it is called, as far as that is fit for a file, and unlike the others.
std::vector<std::string> file_names(const std::vector<EpisodeView>& views) {
  std::vector<std::string> names;
  std::set<std::string> taken{"", ".", "..", "rig", "episode", "actions"};
  for (std::size_t i = 0; i < views.size(); ++i) {
    std::string name = views[i].name.substr(0, 100);
    for (char& letter : name) {
      const bool plain = std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '_' || letter == '-';
      if (!plain) letter = '_';
    }
    if (!taken.insert(name).second) taken.insert(name += text_of("_view_", i));
    names.push_back(name);
  }
  return names;
}

class EpisodeWriter {
 public:
  EpisodeWriter(const Episode& episode, const WriteNativeOptions& options, fs::path folder)
      : episode_(episode), options_(options), folder_(std::move(folder)), files_(file_names(episode.views)) {}

  void write() {
    Json views = Json::array();
    for (std::size_t view = 0; view < files_.size(); ++view) {
      write_video_of(view);
      views.push_back({{"name", view_name(view)}, {"video", files_[view] + ".mp4"}, {"rig", rig_file(view)}});
    }
    write_rigs();
    Json document{{"format", native::episode_format},
                  {"version", native::version},
                  {"name", episode_.name},
                  {"texts", episode_.texts},
                  {"frames", episode_.frames},
                  {"frame_rate", episode_.frame_rate},
                  {"interval", episode_.interval},
                  {"views", views}};
    if (episode_.actions) {
      save_trajectory(*episode_.actions, folder_ / "actions.csv");
      document["actions"] = "actions.csv";
    }
    write_file(folder_ / native::episode_file, text_of_json(document), where);
  }

 private:
  std::array<int, 2> size_of(std::size_t view) const {
    if (options_.height > 0) return {options_.height, options_.width};
    const Camera& camera = episode_.views[view].cameras[0];
    return {camera.height(), camera.width()};
  }

  bool one_size() const {
    for (std::size_t view = 1; view < files_.size(); ++view) {
      if (size_of(view) != size_of(0)) return false;
    }
    return true;
  }

  // Rigs find their views by name, which therefore have to differ.
  std::string view_name(std::size_t view) const {
    const auto& views = episode_.views;
    const auto equal =
        std::count_if(views.begin(), views.end(), [&](const auto& other) { return other.name == views[view].name; });
    return equal == 1 && !views[view].name.empty() ? views[view].name : files_[view];
  }

  std::string rig_file(std::size_t view) const { return one_size() ? "rig.json" : "rig_" + files_[view] + ".json"; }

  VideoOptions video_options() const {
    VideoOptions video;
    video.fps = episode_.frame_rate > 0.0 ? std::min(episode_.frame_rate, 1000.0) : unknown_rate;
    video.crf = options_.crf;
    if (options_.lossless) {
      video.crf = 0.0;
      video.codec = "libx264rgb";
      video.pixel_format = "rgb24";
    }
    return video;
  }

  void write_video_of(std::size_t view) const {
    const auto [height, width] = size_of(view);
    VideoWriter writer(folder_ / (files_[view] + ".mp4"), height, width, video_options());
    for (std::int64_t begin = 0; begin < episode_.frames; begin += frames_at_once) {
      std::vector<std::int64_t> indices;
      for (std::int64_t t = begin; t < std::min(begin + frames_at_once, episode_.frames); ++t) indices.push_back(t);
      const VideoFrames frames = episode_.views[view].pictures->read(indices, height, width);
      check_shape(frames.frames == std::ssize(indices) && frames.height == height && frames.width == width, where,
                  episode_.name + ": pictures", shape_text({std::ssize(indices), height, width, 3}),
                  {frames.frames, frames.height, frames.width, 3});
      for (int i = 0; i < frames.frames; ++i) writer.add(frames.frame(i));
    }
    writer.finish();
  }

  std::vector<Camera> cameras_of(std::size_t view) const {
    const auto [height, width] = size_of(view);
    std::vector<Camera> cameras;
    for (const Camera& camera : episode_.views[view].cameras) {
      const bool fits = camera.height() == height && camera.width() == width;
      cameras.push_back(fits ? camera : camera.center_crop_resize(height, width));
    }
    // One of every frame, since the cameras of a rig that move are equally many.
    if (cameras.size() > 1) cameras.resize(static_cast<std::size_t>(episode_.frames), Camera(cameras.back()));
    return cameras;
  }

  void write_rigs() const {
    std::vector<std::vector<Camera>> cameras;
    std::vector<std::string> names;
    for (std::size_t view = 0; view < files_.size(); ++view) {
      cameras.push_back(cameras_of(view));
      names.push_back(view_name(view));
      if (!one_size()) save_rig(Rig::moving({cameras.back()}).named({names.back()}), folder_ / rig_file(view));
    }
    if (one_size()) save_rig(Rig::moving(cameras).named(names), folder_ / "rig.json");
  }

  const Episode& episode_;
  const WriteNativeOptions& options_;
  fs::path folder_;
  std::vector<std::string> files_;
};

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  check<FormatError>(!error, where, folder.string(), "a folder that can be made", error.message());
}

// Under another name first, so that a folder with an episode's name holds a complete one.
void write_episode(const EpisodeSource& source, std::int64_t index, const fs::path& dataset,
                   const WriteNativeOptions& options) {
  const fs::path folder = native::episode_folder(dataset, index);
  if (fs::exists(folder)) return;
  const Episode episode = source.episode(index);
  check_episode(episode, where);
  const fs::path unfinished = folder.parent_path() / ("." + folder.filename().string());
  fs::remove_all(unfinished);
  make_folder(unfinished);
  EpisodeWriter(episode, options, unfinished).write();
  std::error_code error;
  fs::rename(unfinished, folder, error);
  check<FormatError>(!error, where, folder.string(), "a folder that can be named", error.message());
}

bool is_same(const fs::path& file, const Json& description, const fs::path& folder) {
  if (!fs::exists(file)) return false;
  const auto found = detail::read_json(file, where);
  const bool told_apart = !description["source"]["fingerprint"].get<std::string>().empty();
  check(told_apart && found == nlohmann::json(description), where, folder.string(),
        "an empty folder, or what a call with the same source and options has written there", "another data set");
  return true;
}

void check_options(const WriteNativeOptions& options) {
  check(options.crf >= 0.0 && options.crf <= 51.0, where, "crf", "0..51", options.crf);
  const bool both = (options.height == 0) == (options.width == 0);
  const bool in_range =
      std::min(options.height, options.width) >= 0 && std::max(options.height, options.width) <= max_picture_side;
  check(both && in_range, where, "height, width", "1..16384, or both 0", text_of(options.height, ", ", options.width));
  check(options.threads >= 0 && options.threads <= 1024, where, "threads", "0..1024", options.threads);
}

}  // namespace

void write_native(const EpisodeSource& source, const fs::path& folder, const WriteNativeOptions& options) {
  check_options(options);
  const Json description = description_of(source, options);
  if (is_same(folder / native::dataset_file, description, folder)) return;
  if (!is_same(folder / native::unfinished_file, description, folder)) {
    const bool occupied = fs::exists(folder) && (!fs::is_directory(folder) || !fs::is_empty(folder));
    check(!occupied, where, folder.string(), "an empty folder, or an unfinished data set of write_native",
          "other files");
    make_folder(folder / "episodes");
    write_file(folder / native::unfinished_file, text_of_json(description), where);
  }
  const auto total = static_cast<std::size_t>(source.size());
  std::atomic<std::int64_t> done{0};
  std::mutex progress_mutex;
  parallel_for(total, threads_for(total, static_cast<std::size_t>(options.threads)),
               [&](std::size_t index, std::size_t) {
                 write_episode(source, static_cast<std::int64_t>(index), folder, options);
                 const std::scoped_lock lock(progress_mutex);
                 if (options.progress && !options.progress(++done, source.size()))
                   throw Interrupted("[data::write_native] stopped");
               });
  write_file(folder / native::dataset_file, text_of_json(description), where);
  fs::remove(folder / native::unfinished_file);
}

}  // namespace action_images
