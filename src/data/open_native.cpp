// SPDX-License-Identifier: Apache-2.0
#include <action_images/data/native.hpp>

#include <utility>

#include <action_images/codec_io/rig_file.hpp>
#include <action_images/codec_io/trajectory_file.hpp>
#include <action_images/core/check.hpp>
#include <action_images/data/frame_sources.hpp>

#include "native_format.hpp"

namespace action_images {
namespace {

constexpr std::string_view where = "data::open_native";
namespace fs = std::filesystem;
using detail::JsonField;

void check_format(const JsonField& root, std::string_view format) {
  root["format"].check_that(root.value["format"] == format, text_of('"', format, '"'));
  root["version"].check_that(root.value["version"] == native::version, text_of(native::version));
}

std::int64_t count_in(const JsonField& field, std::int64_t least, std::int64_t most) {
  const bool whole = field.value.is_number_integer();
  const double value = whole ? field.value.get<double>() : -1.0;
  field.check_that(whole && value >= static_cast<double>(least) && value <= static_cast<double>(most),
                   text_of("a whole number in ", least, "..", most));
  return field.value.get<std::int64_t>();
}

// A file beside the document that names it: names with folders in them are refused.
fs::path file_in(const JsonField& field, const fs::path& folder) {
  const std::string name = detail::string_from_json(field);
  const bool plain = !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
  field.check_that(plain, "the name of a file in the same folder");
  return folder / name;
}

std::vector<std::string> texts_in(const JsonField& field) {
  field.check_that(field.value.is_array() && field.value.size() <= 10000, "an array of at most 10000 texts");
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < field.value.size(); ++i) texts.push_back(detail::string_from_json(field[i]));
  return texts;
}

EpisodeView view_in(const JsonField& field, const fs::path& folder) {
  const std::string name = detail::string_from_json(field["name"]);
  const fs::path rig_file = file_in(field["rig"], folder);
  const Rig rig = load_rig(rig_file, {.width = 0, .height = 0, .frames = 0, .views = {name}});
  EpisodeView view{.name = name, .cameras = {rig.begin(), rig.end()}, .pictures = {}};
  view.pictures = video_file_frames(file_in(field["video"], folder));
  return view;
}

Episode read_episode(const fs::path& folder) {
  const fs::path file = folder / native::episode_file;
  const auto document = detail::read_json(file, where);
  const JsonField root{document, file.string() + ": ", where};
  check_format(root, native::episode_format);
  Episode episode{.name = folder.string(),
                  .texts = texts_in(root["texts"]),
                  .frames = count_in(root["frames"], 1, max_episode_frames),
                  .frame_rate = 0.0,
                  .views = {},
                  .actions = {}};
  if (root.has("interval")) episode.interval = static_cast<int>(count_in(root["interval"], 1, max_episode_frames));
  root["frame_rate"].check_that(document["frame_rate"].is_number(), "a number");
  episode.frame_rate = document["frame_rate"].get<double>();
  const JsonField views = root["views"];
  views.check_that(views.value.is_array() && !views.value.empty() && views.value.size() <= max_episode_views,
                   text_of("an array of 1..", max_episode_views, " views"));
  for (std::size_t i = 0; i < views.value.size(); ++i) episode.views.push_back(view_in(views[i], folder));
  if (root.has("actions")) episode.actions = load_trajectory(file_in(root["actions"], folder));
  root.reading([&] {
    check_episode(episode, where);
    return 0;
  });
  return episode;
}

class NativeEpisodes : public EpisodeSource {
 public:
  explicit NativeEpisodes(fs::path folder) : folder_(std::move(folder)) {
    const fs::path file = folder_ / native::dataset_file;
    const bool unfinished = !fs::exists(file) && fs::exists(folder_ / native::unfinished_file);
    check<FormatError>(!unfinished, where, folder_.string(), "a complete data set",
                       "one whose writing was stopped; the same call of write_native completes it");
    const auto document = detail::read_json(file, where);
    const JsonField root{document, file.string() + ": ", where};
    check_format(root, native::dataset_format);
    size_ = count_in(root["episodes"], 0, native::max_episodes);
    if (root.has("source") && root["source"].has("layout"))
      layout_ = detail::string_from_json(root["source"]["layout"]);
    if (layout_.empty()) layout_ = "native";
  }

  std::string name() const override { return folder_.string(); }
  std::int64_t size() const override { return size_; }
  std::string layout() const override { return layout_; }
  std::string episode_name(std::int64_t index) const override {
    return native::episode_folder(folder_, index).string();
  }

  Episode episode(std::int64_t index) const override {
    check_episode_index(*this, index, where);
    return read_episode(native::episode_folder(folder_, index));
  }

  std::string fingerprint() const override {
    std::vector<fs::path> files{folder_ / native::dataset_file};
    for (std::int64_t i = 0; i < size_; ++i) {
      const fs::path folder = native::episode_folder(folder_, i);
      std::error_code error;
      std::vector<fs::path> of_episode;
      for (const auto& entry : fs::directory_iterator(folder, error)) of_episode.push_back(entry.path());
      if (of_episode.empty()) of_episode.push_back(folder);
      std::sort(of_episode.begin(), of_episode.end());
      files.insert(files.end(), of_episode.begin(), of_episode.end());
    }
    return fingerprint_of(folder_, files);
  }

 private:
  fs::path folder_;
  std::int64_t size_ = 0;
  std::string layout_;
};

}  // namespace

std::shared_ptr<const EpisodeSource> open_native(const fs::path& folder) {
  return std::make_shared<NativeEpisodes>(folder);
}

}  // namespace action_images
