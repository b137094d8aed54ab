// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace action_images {

/// Threads to use for `tasks` independent tasks: `wanted`, or one for every core if it is 0; never more than tasks.
inline std::size_t threads_for(std::size_t tasks, std::size_t wanted) {
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  return std::clamp<std::size_t>(wanted == 0 ? cores : wanted, 1, std::max<std::size_t>(tasks, 1));
}

/// `threads_for` tasks that write `bytes` altogether: at most one for every MiB, for a smaller share takes less time
/// than the start of a thread.
inline std::size_t threads_for(std::size_t tasks, std::size_t wanted, std::size_t bytes) {
  return std::min(threads_for(tasks, wanted), std::max<std::size_t>(bytes >> 20, 1));
}

/// Calls task(index, thread) for index 0 .. tasks - 1, in any order, on `threads` threads of which the caller is one;
/// thread is 0 .. threads - 1. The first exception is rethrown here when all have ended.
template <typename Task>
void parallel_for(std::size_t tasks, std::size_t threads, const Task& task) {
  if (threads <= 1) {
    for (std::size_t index = 0; index < tasks; ++index) task(index, std::size_t{0});
    return;
  }
  std::atomic<std::size_t> next{0};
  std::exception_ptr error;
  std::mutex error_mutex;
  const auto work = [&](std::size_t thread) {
    try {
      for (std::size_t index = next++; index < tasks; index = next++) task(index, thread);
    } catch (...) {
      next = tasks;
      const std::scoped_lock lock(error_mutex);
      if (!error) error = std::current_exception();
    }
  };
  std::vector<std::thread> others;
  try {
    for (std::size_t thread = 1; thread < threads; ++thread) others.emplace_back(work, thread);
  } catch (const std::system_error&) {
    // Fewer threads than wanted do the same work.
  }
  work(0);
  for (std::thread& other : others) other.join();
  if (error) std::rethrow_exception(error);
}

}  // namespace action_images
