// SPDX-License-Identifier: Apache-2.0
#include <action_images/data/clip_dataset.hpp>

#include <algorithm>
#include <utility>

#include <action_images/core/check.hpp>
#include <action_images/data/frame_sources.hpp>

namespace action_images {
namespace {

class ClipEpisodes : public EpisodeSource {
 public:
  explicit ClipEpisodes(const std::filesystem::path& folder) : folder_(folder), files_(ClipDataset(folder).shards()) {
    const ClipDataset dataset(folder);
    for (std::size_t i = 0; i < dataset.shards().size(); ++i) {
      shards_.push_back(dataset.shard(i));
      ends_.push_back(size() + shards_.back().size());
    }
  }

  std::string name() const override { return folder_.string(); }
  std::string layout() const override { return "clips"; }
  std::int64_t size() const override { return ends_.empty() ? 0 : ends_.back(); }
  std::string fingerprint() const override { return fingerprint_of(folder_, files_); }

  std::string episode_name(std::int64_t index) const override {
    const auto [shard, clip] = place_of(index);
    return text_of(files_[shard].string(), '[', clip, ']');
  }

  Episode episode(std::int64_t index) const override {
    const auto [number, clip] = place_of(index);
    const ClipShard& shard = shards_[number];
    const Rig rig = shard.rig(clip);
    Episode episode{.name = episode_name(index),
                    .texts = {shard.texts[static_cast<std::size_t>(clip)]},
                    .frames = shard.video.size(2),
                    .frame_rate = 0.0,
                    .views = {},
                    .actions = shard.trajectory(clip)};
    for (std::size_t view = 0; view < rig.size(); ++view) {
      const at::Tensor frames = shard.video[clip][static_cast<std::int64_t>(view)];
      const FramesView pictures(frames.const_data_ptr<std::uint8_t>(), static_cast<int>(frames.size(0)),
                                static_cast<int>(frames.size(1)), static_cast<int>(frames.size(2)));
      episode.views.push_back(
          {text_of("view_", view), {rig[view]}, frames_in_memory(pictures, std::make_shared<at::Tensor>(frames))});
    }
    return episode;
  }

 private:
  // Number of the shard, and of the clip in it.
  std::pair<std::size_t, std::int64_t> place_of(std::int64_t index) const {
    check_episode_index(*this, index, "data::open_clips");
    const auto shard = static_cast<std::size_t>(std::upper_bound(ends_.begin(), ends_.end(), index) - ends_.begin());
    return {shard, shard == 0 ? index : index - ends_[shard - 1]};
  }

  std::filesystem::path folder_;
  std::vector<std::filesystem::path> files_;
  std::vector<ClipShard> shards_;
  std::vector<std::int64_t> ends_;
};

}  // namespace

std::shared_ptr<const EpisodeSource> open_clips(const std::filesystem::path& folder) {
  return std::make_shared<ClipEpisodes>(folder);
}

}  // namespace action_images
