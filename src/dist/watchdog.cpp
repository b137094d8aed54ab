// SPDX-License-Identifier: Apache-2.0
#include <action_images/dist/watchdog.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <mutex>
#include <thread>

#include <unistd.h>

#include <action_images/core/check.hpp>

#include "process_group_impl.hpp"
#include "verdict.hpp"

namespace action_images {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point time) { return std::chrono::duration<double>(Clock::now() - time).count(); }

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

constexpr const char* verdict_key = "watchdog/verdict";
std::string key_of(int rank) { return "watchdog/" + std::to_string(rank); }

}  // namespace

// Shared by the two threads, which outlive the Watchdog if the store does not answer any more.
struct Watchdog::Impl : std::enable_shared_from_this<Watchdog::Impl> {
  Impl(const ProcessGroup& job, const WatchdogOptions& wanted)
      : group(job), options(wanted), ranks(static_cast<std::size_t>(job.size())) {}

  void start();
  void stop(bool failed);
  void exchange();
  void exchange_once(const ProcessGroup::Impl::Store& store);
  void judge();
  std::optional<std::string> judgement();
  SignOfLife own_sign();
  void await_verdict(const std::string& failure);
  [[noreturn]] void end(const std::string& line);
  bool sleep(double seconds);

  const ProcessGroup group;
  const WatchdogOptions options;
  std::atomic<std::int64_t> step{-1};

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Observed> ranks;               // as they were when last seen
  std::vector<Clock::time_point> last_beat;  // when each rank's beat last changed
  Clock::time_point last_exchange;           // when the store last answered
  bool store_failed = false;
  std::string others_verdict;
  SignOfLife::State state = SignOfLife::State::runs;
  std::int64_t beat = 0;
  std::string busy_with;
  Clock::time_point excused_until;  // until then this process may be late
  std::string failure;              // of a collective in this process
  bool stopping = false;
  bool exchange_ended = false;
  std::thread exchanger, judging;
};

void Watchdog::Impl::start() {
  last_beat.assign(ranks.size(), Clock::now());
  last_exchange = excused_until = Clock::now();
  const auto self = shared_from_this();
  exchanger = std::thread([self] { self->exchange(); });
  judging = std::thread([self] { self->judge(); });
  group.impl().on_failure([watched = std::weak_ptr<Impl>(self)](const std::string& reason) {
    if (const auto impl = watched.lock()) impl->await_verdict(reason);
  });
}

void Watchdog::Impl::stop(bool failed) {
  group.impl().on_failure({});
  std::unique_lock lock(mutex);
  if (failed || state == SignOfLife::State::failed) {
    state = SignOfLife::State::failed;
    if (failure.empty()) failure = "it ended by an exception";
  } else {
    state = SignOfLife::State::ended;
  }
  stopping = true;
  changed.notify_all();
  // The last sign says that this process ends. A store that is gone or stopped is not waited for.
  const bool said = changed.wait_for(lock, milliseconds(2 * options.interval), [this] { return exchange_ended; });
  lock.unlock();
  judging.join();
  if (said) {
    exchanger.join();
  } else {
    exchanger.detach();
  }
}

// Sleeps, or returns false when the watchdog stops.
bool Watchdog::Impl::sleep(double seconds) {
  std::unique_lock lock(mutex);
  return !changed.wait_for(lock, milliseconds(seconds), [this] { return stopping; });
}

SignOfLife Watchdog::Impl::own_sign() {
  const Activity::State activity = group.impl().activity.state();
  const std::scoped_lock lock(mutex);
  SignOfLife sign;
  sign.state = state;
  sign.beat = ++beat;
  sign.step = step;
  sign.issued = activity.issued;
  sign.waiting_for = activity.waiting_for;
  sign.waiting_seconds = activity.waiting_seconds;
  sign.busy_with = busy_with;
  sign.unexcused_seconds = std::max(0.0, seconds_since(excused_until));
  sign.failure = failure;
  return sign;
}

void Watchdog::Impl::exchange_once(const ProcessGroup::Impl::Store& store) {
  const SignOfLife own = own_sign();
  store->set(key_of(group.rank()), own.text());
  for (int rank = 0; rank < group.size(); ++rank) {
    const bool is_own = rank == group.rank();
    if (!is_own && !store->check({key_of(rank)})) continue;
    const SignOfLife sign = is_own ? own : SignOfLife::from_text(store->get_to_str(key_of(rank)));
    const std::scoped_lock lock(mutex);
    Observed& observed = ranks[static_cast<std::size_t>(rank)];
    if (sign.beat != observed.sign.beat) last_beat[static_cast<std::size_t>(rank)] = Clock::now();
    observed.sign = sign;
  }
  const std::string verdict = store->check({verdict_key}) ? store->get_to_str(verdict_key) : std::string();
  const std::scoped_lock lock(mutex);
  last_exchange = Clock::now();
  others_verdict = verdict;
}

void Watchdog::Impl::exchange() {
  try {
    const auto store = group.impl().connect(milliseconds(options.silent_seconds));
    do {
      exchange_once(store);
    } while (sleep(options.interval));
    exchange_once(store);  // says that this process ends
  } catch (const std::exception&) {
    const std::scoped_lock lock(mutex);
    store_failed = true;
  }
  const std::scoped_lock lock(mutex);
  exchange_ended = true;
  changed.notify_all();
}

std::optional<std::string> Watchdog::Impl::judgement() {
  const std::scoped_lock lock(mutex);
  if (!others_verdict.empty()) return others_verdict;
  // Once a connection broke, somebody is likely to be dead, and three missing signs are enough.
  const double silent_limit = failure.empty() && !store_failed ? options.silent_seconds
                                                               : std::min(options.silent_seconds, 3 * options.interval);
  const double store_silent = seconds_since(last_exchange);
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    // A process that has not begun to watch is not silent, and while the store is silent nobody's signs come.
    const double excused = store_silent > 2 * options.interval ? store_silent : 0.0;
    ranks[rank].silent_seconds =
        ranks[rank].sign.beat == 0 ? 0.0 : std::max(0.0, seconds_since(last_beat[rank]) - excused);
  }
  if (auto line = verdict(ranks, silent_limit, options.hang_seconds)) return line;
  if (store_silent <= silent_limit) return std::nullopt;
  return text_of("the store does not answer for ", static_cast<int>(store_silent), " s: the process that serves it, ",
                 description(0, ranks[0].sign), " or the launcher, is dead or stopped");
}

void Watchdog::Impl::judge() {
  while (sleep(options.interval / 2)) {
    if (const auto line = judgement()) end(*line);
  }
}

void Watchdog::Impl::await_verdict(const std::string& reason) {
  std::unique_lock lock(mutex);
  if (!failure.empty()) return;  // waited already
  failure = reason;
  // The judging thread ends the process when it knows; without a verdict the error goes its way.
  changed.wait_for(lock, milliseconds(std::min(options.silent_seconds, 3 * options.interval) + 4 * options.interval),
                   [this] { return stopping; });
}

void Watchdog::Impl::end(const std::string& line) {
  const std::string text = text_of("[rank ", group.rank(), "] watchdog: ", line);
  std::fprintf(stderr, "%s\n", text.c_str());
  std::fflush(stderr);
  if (options.on_verdict) options.on_verdict(text);
  // The others learn it from the store, while this process, which may serve it, is still there.
  std::thread([self = shared_from_this(), line] {
    try {
      const auto store = self->group.impl().connect(milliseconds(self->options.interval));
      store->compareSet(verdict_key, "", line);
    } catch (const std::exception&) {
    }
  }).detach();
  std::this_thread::sleep_for(milliseconds(2.5 * options.interval));
  ::_exit(options.exit_code);
}

Watchdog::Watchdog(const ProcessGroup& group, const WatchdogOptions& options) {
  const bool positive =
      options.interval > 0 && options.silent_seconds > 2 * options.interval && options.hang_seconds > 0;
  check(positive, "dist::Watchdog", "options", "positive times, with silent_seconds above two intervals",
        text_of("interval ", options.interval, ", silent_seconds ", options.silent_seconds, ", hang_seconds ",
                options.hang_seconds));
  if (group.size() == 1) return;
  impl_ = std::make_shared<Impl>(group, options);
  impl_->start();
}

Watchdog::~Watchdog() {
  if (impl_ == nullptr) return;
  impl_->stop(std::uncaught_exceptions() > 0);
}

void Watchdog::fail(const std::string& reason) {
  if (impl_ == nullptr) return;
  const std::scoped_lock lock(impl_->mutex);
  impl_->failure = reason;
  impl_->state = SignOfLife::State::failed;
}

void Watchdog::step(std::int64_t step) {
  if (impl_ != nullptr) impl_->step = step;
}

std::shared_ptr<void> Watchdog::busy(const std::string& what, double seconds) {
  check(seconds >= 0, "dist::Watchdog", "seconds", "at least 0", seconds);
  if (impl_ == nullptr) return nullptr;
  const std::scoped_lock lock(impl_->mutex);
  impl_->busy_with = what;
  impl_->excused_until = Clock::now() + milliseconds(seconds);
  return std::shared_ptr<void>(nullptr, [impl = impl_](void*) {
    const std::scoped_lock lock(impl->mutex);
    impl->busy_with.clear();
    impl->excused_until = std::min(impl->excused_until, Clock::now());
  });
}

}  // namespace action_images
