// SPDX-License-Identifier: Apache-2.0
#include <action_images/data/clip_sampler.hpp>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <optional>
#include <utility>

#include <c10/util/hash.h>

#include <action_images/core/check.hpp>
#include <action_images/data/random_stream.hpp>

namespace action_images {
namespace {

constexpr std::string_view where = "data::ClipSampler";
constexpr std::uint64_t most_attempts = 1000;  // of one index
constexpr std::int64_t fewest_judged = 100;    // draws that a share is taken of

enum Draw : std::uint64_t { source_draw, episode_draw, clip_draw };

// What was expected, without the place and what was got, so that equal faults of different episodes are counted
// together.
std::string kind_of(const std::string& reason) {
  const std::size_t begin = reason.rfind(": expected ");
  if (begin == std::string::npos) return reason;
  const std::string expected = reason.substr(begin + 2);
  return expected.substr(0, expected.rfind(", got "));
}

}  // namespace

struct ClipSampler::Counts {
  std::mutex mutex;
  ClipSamplerReport report;
  std::string first_bad;

  void add_draw() {
    const std::scoped_lock lock(mutex);
    ++report.draws;
  }

  // Throws when too many are bad.
  void add(const BadEpisode& episode, const ClipSamplerOptions& options) {
    const std::scoped_lock lock(mutex);
    ++(episode.rejected ? report.rejected : report.bad);
    ++report.reasons[kind_of(episode.reason)];
    if (!episode.rejected && first_bad.empty()) first_bad = episode.reason;
    if (options.on_bad) options.on_bad(episode);
    const auto judged = static_cast<double>(std::max(report.draws - report.rejected, fewest_judged));
    const bool few = static_cast<double>(report.bad) <= options.max_bad_share * judged;
    check<FormatError>(few, where, "episodes", text_of("at most ", 100.0 * options.max_bad_share, " % bad ones"),
                       text_of(report.bad, " in ", report.draws, " draws; the first: ", first_bad));
  }
};

ClipSampler::ClipSampler(std::vector<MixtureSource> sources, ClipSamplerOptions options)
    : sources_(std::move(sources)), options_(std::move(options)), counts_(std::make_unique<Counts>()) {
  check(!sources_.empty(), where, "sources", "at least one", "none");
  double sum = 0.0;
  for (const MixtureSource& part : sources_) {
    check(part.source != nullptr, where, "sources", "data sets", "none");
    check(part.source->size() > 0, where, part.source->name(), "at least one episode", "none");
    check(std::isfinite(part.share) && part.share > 0.0, where, part.source->name(), "a share above 0", part.share);
    sum += part.share;
  }
  for (MixtureSource& part : sources_) part.share /= sum;
  check_window(options_.window, where);
  check(options_.max_bad_share >= 0.0 && options_.max_bad_share <= 1.0, where, "max_bad_share", "0..1",
        options_.max_bad_share);
}

ClipSampler::~ClipSampler() = default;

Clip ClipSampler::clip(std::int64_t index) const {
  check(index >= 0, where, "index", "at least 0", index);
  for (std::uint64_t attempt = 0; attempt < most_attempts; ++attempt) {
    const std::uint64_t seed = RandomStream{options_.seed, static_cast<std::uint64_t>(index), attempt}.bits();
    double left = RandomStream{seed, source_draw}.uniform();
    std::size_t chosen = 0;
    while (chosen + 1 < sources_.size() && left >= sources_[chosen].share) left -= sources_[chosen++].share;
    const EpisodeSource& source = *sources_[chosen].source;
    const std::int64_t episode = RandomStream{seed, episode_draw}.below(source.size());
    counts_->add_draw();
    try {
      Clip clip = cut_clip(source.episode(episode), options_.window, RandomStream{seed, clip_draw}.bits());
      clip.source = source.name();
      clip.layout = source.layout();
      return clip;
    } catch (const EpisodeRejected& error) {
      counts_->add({source.episode_name(episode), error.what(), true}, options_);
    } catch (const ValueError& error) {
      counts_->add({source.episode_name(episode), error.what(), false}, options_);
    }
  }
  throw FormatError(expected_text(where, "episodes", "some that can be used",
                                  text_of("none in ", most_attempts, " draws of index ", index)));
}

ClipSamplerReport ClipSampler::report() const {
  const std::scoped_lock lock(counts_->mutex);
  return counts_->report;
}

std::int64_t ClipSampler::episodes() const {
  std::int64_t sum = 0;
  for (const MixtureSource& part : sources_) sum += part.source->size();
  return sum;
}

std::string ClipSampler::fingerprint() const {
  const WindowOptions& window = options_.window;
  const Augmentation& change = window.augmentation;
  std::string all = text_of(options_.seed, ' ', window.frames, ' ', window.height, ' ', window.width, ' ', window.views,
                            ' ', window.interval, ' ', change.brightness, ' ', change.contrast, ' ', change.saturation,
                            ' ', change.crop, '\n');
  for (const MixtureSource& part : sources_) {
    all +=
        text_of(part.share, ' ', part.source->size(), ' ', part.source->name(), ' ', part.source->fingerprint(), '\n');
  }
  return c10::sha1(all).str();
}

}  // namespace action_images
