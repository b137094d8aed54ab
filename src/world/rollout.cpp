// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/rollout.hpp>

#include <algorithm>

#include <action_images/codec_io.hpp>
#include <action_images/core/file.hpp>
#include <action_images/video/video.hpp>

namespace action_images {
namespace {

namespace fs = std::filesystem;

FramesView frames_of(const Images<std::uint8_t>& images, std::size_t view) {
  const auto pixels = view_of(images);
  return {pixels.frame(view, 0), static_cast<int>(pixels.frames), static_cast<int>(pixels.height),
          static_cast<int>(pixels.width)};
}

// [video | action | 50/50 blend], as the release lays it out. A single picture stands for the whole video.
VideoFrames panel(const FramesView& video, const FramesView& action) {
  VideoFrames panel{{}, action.frames, video.height, 3 * video.width, 0.0};
  panel.rgb.resize(panel.frame_size() * static_cast<std::size_t>(panel.frames));
  const std::size_t row_bytes = static_cast<std::size_t>(video.width) * 3;
  const std::size_t rows = static_cast<std::size_t>(action.frames) * static_cast<std::size_t>(video.height);
  const std::size_t video_rows = static_cast<std::size_t>(video.frames) * static_cast<std::size_t>(video.height);
  for (std::size_t row = 0; row < rows; ++row) {
    const std::uint8_t* left = video.rgb + row % video_rows * row_bytes;
    const std::uint8_t* middle = action.rgb + row * row_bytes;
    std::uint8_t* target = panel.rgb.data() + row * 3 * row_bytes;
    std::copy_n(left, row_bytes, target);
    std::copy_n(middle, row_bytes, target + row_bytes);
    for (std::size_t i = 0; i < row_bytes; ++i) {
      target[2 * row_bytes + i] = static_cast<std::uint8_t>((left[i] + middle[i] + 1) / 2);
    }
  }
  return panel;
}

}  // namespace

void Rollout::save(const fs::path& folder) const {
  std::error_code error;
  fs::create_directories(folder, error);
  check<FormatError>(!error, "world::Rollout::save", "folder", "a folder that can be written", folder.string());
  const VideoOptions options{.fps = settings.value("fps", 30.0)};
  for (std::size_t view = 0; view < rig.size(); ++view) {
    const std::string name = "view_" + std::to_string(view) + "_";
    const FramesView generated = frames_of(video, view);
    if (task != Task::i2a) write_video(folder / (name + "video.mp4"), generated, options);
    if (!has_actions()) continue;
    const FramesView action = frames_of(action_images, view);
    write_video(folder / (name + "action.mp4"), action, options);
    write_video(folder / (name + "panel.mp4"), panel(generated, action), options);
  }
  // Without a single readable action image there is no trajectory.
  const bool decoded = std::any_of(confidence.begin(), confidence.end(), [](double value) { return value > 0; });
  if (decoded) save_trajectory(actions, folder / "trajectory.csv");
  const nlohmann::json record{{"settings", settings}, {"timings", timings}, {"confidence", confidence}};
  write_file(folder / "rollout.json", record.dump(2) + "\n", "world::Rollout::save");
}

}  // namespace action_images
