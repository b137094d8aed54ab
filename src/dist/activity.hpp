// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

namespace action_images {

/// The collectives that this process has begun and not finished: what a watchdog shows of it. Thread-safe.
class Activity {
 public:
  struct State {
    std::int64_t issued = 0;  ///< collectives begun so far
    std::string waiting_for;  ///< the oldest that is not finished; empty: none
    double waiting_seconds = 0.0;
  };

  /// Notes a collective. @param key  names it for end().  @param finished  asked from any thread.
  void begin(std::string name, const void* key, std::function<bool()> finished) {
    const std::scoped_lock lock(mutex_);
    drop_finished();
    ++issued_;
    pending_.push_back({std::move(name), key, std::chrono::steady_clock::now(), std::move(finished)});
  }

  /// Notes that a collective is finished: not every kind of work says so itself after it was waited for.
  void end(const void* key) {
    const std::scoped_lock lock(mutex_);
    std::erase_if(pending_, [key](const Pending& pending) { return pending.key == key; });
  }

  State state() {
    const std::scoped_lock lock(mutex_);
    drop_finished();
    State state;
    state.issued = issued_;
    if (!pending_.empty()) {
      state.waiting_for = pending_.front().name;
      state.waiting_seconds =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - pending_.front().since).count();
    }
    return state;
  }

 private:
  struct Pending {
    std::string name;
    const void* key;
    std::chrono::steady_clock::time_point since;
    std::function<bool()> finished;
  };

  void drop_finished() {
    while (!pending_.empty() && pending_.front().finished()) pending_.pop_front();
  }

  std::mutex mutex_;
  std::int64_t issued_ = 0;
  std::deque<Pending> pending_;
};

}  // namespace action_images
