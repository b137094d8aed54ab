// SPDX-License-Identifier: Apache-2.0
#include <action_images/data/clip_loader.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <ATen/Context.h>
#include <ATen/core/Tensor.h>

#include <action_images/core/check.hpp>
#include <action_images/core/interrupted.hpp>

namespace action_images {
namespace {

constexpr std::string_view where = "data::ClipLoader";
constexpr auto waiting_time = std::chrono::milliseconds(100);

using Made = std::variant<Clip, std::exception_ptr>;

}  // namespace

struct ClipLoader::State {
  State(std::shared_ptr<const ClipSampler> sampler, std::function<std::int64_t(std::int64_t)> index_of,
        const LoaderOptions& options)
      : sampler(std::move(sampler)), index_of(std::move(index_of)), options(options) {
    const WindowOptions& window = this->sampler->options().window;
    largest = 3 * window.frames * window.height * window.width * window.views;  // 0 if it depends on the episode
  }

  // Whether another clip may be begun: it will be about as large as the largest so far.
  bool has_room() const {
    const std::int64_t under_way = started - taken;
    if (under_way == 0) return true;
    return under_way < options.max_clips && (under_way + 1) * largest <= options.max_bytes;
  }

  void work() {
    std::unique_lock lock(mutex);
    while (true) {
      room.wait(lock, [&] { return stopping || started >= options.count || has_room(); });
      if (stopping || started >= options.count) return;
      const std::int64_t position = started++;
      const auto index = index_at(position);
      lock.unlock();
      Made clip = make(index);
      lock.lock();
      const bool failed = std::holds_alternative<std::exception_ptr>(clip);
      if (!failed) largest = std::max<std::int64_t>(largest, std::get<Clip>(clip).video.numel());
      if (failed) options.count = std::min(options.count, position + 1);  // what follows is not asked for
      ready.emplace(position, std::move(clip));
      made.notify_all();
      room.notify_all();
    }
  }

  std::variant<std::int64_t, std::exception_ptr> index_at(std::int64_t position) const {
    try {
      return index_of(position);
    } catch (...) {
      return std::current_exception();
    }
  }

  Made make(const std::variant<std::int64_t, std::exception_ptr>& index) const {
    if (const auto* const error = std::get_if<std::exception_ptr>(&index)) return *error;
    try {
      Clip clip = sampler->clip(std::get<std::int64_t>(index));
      if (options.pin_memory && at::globalContext().hasCUDA()) clip.video = clip.video.pin_memory();
      return clip;
    } catch (...) {
      return std::current_exception();
    }
  }

  std::shared_ptr<const ClipSampler> sampler;
  std::function<std::int64_t(std::int64_t)> index_of;
  LoaderOptions options;

  mutable std::mutex mutex;
  std::condition_variable room, made;
  std::map<std::int64_t, Made> ready;  // by position
  std::int64_t started = 0, taken = 0;
  std::int64_t largest = 0;  // clip so far [byte]
  double waited = 0.0;       // [s]
  bool stopping = false;
  std::vector<std::thread> threads;
};

ClipLoader::ClipLoader(std::shared_ptr<const ClipSampler> sampler, std::function<std::int64_t(std::int64_t)> index_of,
                       const LoaderOptions& options) {
  check(sampler != nullptr, where, "sampler", "one", "none");
  check(options.threads >= 1 && options.threads <= 256, where, "threads", "1..256", options.threads);
  check(options.count >= 0, where, "count", "at least 0", options.count);
  check(options.max_clips >= 1 && options.max_clips <= 4096, where, "max_clips", "1..4096", options.max_clips);
  check(options.max_bytes >= 1, where, "max_bytes", "at least 1", options.max_bytes);
  state_ = std::make_unique<State>(std::move(sampler), std::move(index_of), options);
  try {
    for (int i = 0; i < options.threads; ++i) state_->threads.emplace_back([state = state_.get()] { state->work(); });
  } catch (const std::system_error&) {
    if (state_->threads.empty()) throw;  // else fewer threads do the same work
  }
}

ClipLoader::~ClipLoader() {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->stopping = true;
  }
  state_->room.notify_all();
  for (std::thread& thread : state_->threads) thread.join();
}

std::optional<Clip> ClipLoader::next(const std::function<bool()>& keep_waiting) {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  const auto begin = std::chrono::steady_clock::now();
  auto found = state.ready.find(state.taken);
  while (found == state.ready.end()) {
    if (state.taken >= state.options.count) return std::nullopt;
    state.made.wait_for(lock, waiting_time);
    found = state.ready.find(state.taken);
    if (found != state.ready.end() || !keep_waiting) continue;
    lock.unlock();
    const bool goes_on = keep_waiting();
    lock.lock();
    if (!goes_on) throw Interrupted("[data::ClipLoader] stopped while waiting for a clip");
    found = state.ready.find(state.taken);
  }
  state.waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (const auto* const error = std::get_if<std::exception_ptr>(&found->second)) std::rethrow_exception(*error);
  Clip clip = std::get<Clip>(std::move(found->second));
  state.ready.erase(found);
  ++state.taken;
  state.room.notify_all();
  return clip;
}

double ClipLoader::wait_seconds() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->waited;
}

}  // namespace action_images
