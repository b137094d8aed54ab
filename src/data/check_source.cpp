// SPDX-License-Identifier: Apache-2.0
#include <action_images/data/check_source.hpp>

#include <algorithm>
#include <mutex>
#include <set>
#include <utility>

#include <action_images/core/check.hpp>
#include <action_images/core/interrupted.hpp>
#include <action_images/core/parallel.hpp>

namespace action_images {
namespace {

constexpr std::string_view where = "data::check_source";

bool is_seen(const Episode& episode, std::int64_t frame) {
  const Eigen::Vector3d& position = (*episode.actions)[static_cast<std::size_t>(frame)].position;
  return std::any_of(episode.views.begin(), episode.views.end(), [&](const EpisodeView& view) {
    const Camera& camera = view.cameras[std::min(static_cast<std::size_t>(frame), view.cameras.size() - 1)];
    const auto pixel = camera.project(position);
    return pixel && pixel->x() >= 0.0 && pixel->y() >= 0.0 && pixel->x() <= camera.width() &&
           pixel->y() <= camera.height();
  });
}

void add_actions(const Episode& episode, SourceReport& report) {
  ++report.with_actions;
  for (std::int64_t t = 0; t < episode.frames; ++t) {
    const double openness = (*episode.actions)[static_cast<std::size_t>(t)].openness;
    ++report.openness[static_cast<std::size_t>(std::clamp(openness * 10.0, 0.0, 9.0))];
    ++(is_seen(episode, t) ? report.seen : report.unseen);
  }
}

void add(const Episode& episode, SourceReport& report) {
  report.frames += episode.frames;
  if (episode.frame_rate > 0.0) report.seconds += static_cast<double>(episode.frames) / episode.frame_rate;
  report.shortest = report.shortest == 0 ? episode.frames : std::min(report.shortest, episode.frames);
  report.longest = std::max(report.longest, episode.frames);
  const auto has_text = [](const std::string& text) { return !text.empty(); };
  report.with_texts += std::any_of(episode.texts.begin(), episode.texts.end(), has_text) ? 1 : 0;
  const auto moves = [](const EpisodeView& view) { return view.cameras.size() > 1; };
  report.moving_cameras += std::any_of(episode.views.begin(), episode.views.end(), moves) ? 1 : 0;
  ++report.view_counts[std::ssize(episode.views)];
  for (const EpisodeView& view : episode.views) {
    const Camera& camera = view.cameras[0];
    ++report.view_sizes[text_of(printable(view.name, 100), ' ', camera.height(), " x ", camera.width())];
  }
  if (episode.actions) add_actions(episode, report);
}

void read_some_pictures(const Episode& episode) {
  const std::set<std::int64_t> some{0, episode.frames / 2, episode.frames - 1};
  const std::vector<std::int64_t> frames(some.begin(), some.end());
  for (const EpisodeView& view : episode.views) {
    const VideoFrames read = view.pictures->read(frames, view.cameras[0].height(), view.cameras[0].width());
    check<FormatError>(read.frames == std::ssize(frames), where, episode.name, text_of(frames.size(), " frames"),
                       read.frames);
  }
}

}  // namespace

SourceReport check_source(const EpisodeSource& source, const CheckOptions& options) {
  check(options.threads >= 0 && options.threads <= 1024, where, "threads", "0..1024", options.threads);
  SourceReport report;
  report.episodes = source.size();
  std::mutex mutex;
  std::int64_t done = 0;
  std::map<std::int64_t, BadEpisode> bad;
  const auto look = [&](std::int64_t index) {
    try {
      const Episode episode = source.episode(index);
      check_episode(episode, where);
      if (options.read_pictures) read_some_pictures(episode);
      const std::scoped_lock lock(mutex);
      add(episode, report);
    } catch (const ValueError& error) {
      const bool rejected = dynamic_cast<const EpisodeRejected*>(&error) != nullptr;
      const std::scoped_lock lock(mutex);
      bad.emplace(index, BadEpisode{source.episode_name(index), error.what(), rejected});
    }
  };
  const auto total = static_cast<std::size_t>(report.episodes);
  parallel_for(total, threads_for(total, static_cast<std::size_t>(options.threads)),
               [&](std::size_t index, std::size_t) {
                 look(static_cast<std::int64_t>(index));
                 const std::scoped_lock lock(mutex);
                 if (options.progress && !options.progress(++done, report.episodes))
                   throw Interrupted("[data::check_source] stopped");
               });
  for (auto& [index, episode] : bad) report.bad.push_back(std::move(episode));
  return report;
}

}  // namespace action_images
