// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <action_images/dist/process_group.hpp>

namespace action_images {

struct WatchdogOptions {
  double interval = 2.0;         ///< between two signs of life [s]
  double silent_seconds = 20.0;  ///< without a sign of life a process is taken for dead [s]
  /// While others wait this long for a process in a collective, it is taken for hanging [s].
  double hang_seconds = 45.0;
  int exit_code = 70;  ///< of the processes that are ended
  /// Called in the watchdog's thread with the line that it prints, before it ends the process.
  std::function<void(const std::string&)> on_verdict = {};
};

/// Ends a job in which a process is dead, stopped or does not come to a collective, and says which and at which step.
///
/// Every process publishes a sign of life in the group's store from a thread of its own, and looks at those of the
/// others. When one is to blame, every other process prints one line on stderr and ends at once with `exit_code`: a
/// process that waits in a collective cannot be brought out of it. A process whose collective fails (the connection to
/// a dead one breaks) waits there until it is known whose fault it is. A process that ends by an exception is named at
/// once.
class Watchdog {
 public:
  /// Starts watching; nothing happens in a group of one.  @throws ValueError for times that are not positive.
  explicit Watchdog(const ProcessGroup& group, const WatchdogOptions& options = {});
  /// Tells the others that this process ends; in the course of an exception, that it failed.
  ~Watchdog();

  /// Says where this process is; cheap.
  void step(std::int64_t step);

  /// Says that this process is about to end because of an error, which the others then name. An exception that destroys
  /// the watchdog does the same without the reason.
  void fail(const std::string& reason);

  /// While the result lives, this process may be late by `seconds` more: it does what the others wait for (validation,
  /// saving, compiling).  @param what  for messages.
  [[nodiscard]] std::shared_ptr<void> busy(const std::string& what, double seconds);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace action_images
