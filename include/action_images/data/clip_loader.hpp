// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>

#include <action_images/data/clip_sampler.hpp>

namespace action_images {

struct LoaderOptions {
  int threads = 2;                                                ///< 1..256
  std::int64_t count = std::numeric_limits<std::int64_t>::max();  ///< of clips; then next() gives none
  int max_clips = 8;                                              ///< ready or in the making at a time, 1..4096
  std::int64_t max_bytes = std::int64_t{2} << 30;  ///< of their pictures, as far as known; one is always made
  bool pin_memory = false;  ///< pictures in page-locked memory, where there is CUDA; else without effect
};

/// Makes clips in advance on threads of its own and gives them in order: the same ones for any number of threads.
class ClipLoader {
 public:
  /// @param index_of  the sampler's index of position 0, 1, 2, ...; called in order, by one thread at a time, and
  /// quick.
  /// @throws ValueError for options out of range.
  ClipLoader(std::shared_ptr<const ClipSampler> sampler, std::function<std::int64_t(std::int64_t)> index_of,
             const LoaderOptions& options = {});

  /// Stops the threads after the clips that they are making.
  ~ClipLoader();
  ClipLoader(const ClipLoader&) = delete;
  ClipLoader& operator=(const ClipLoader&) = delete;

  /// The clip of the next position; nullopt after the last one. For one consumer.
  /// @param keep_waiting  asked ten times a second while the clip is not ready.
  /// @throws what making the clip has thrown, again at each further call; Interrupted if keep_waiting says false.
  std::optional<Clip> next(const std::function<bool()>& keep_waiting = {});

  /// How long next() has waited altogether [s].
  double wait_seconds() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace action_images
