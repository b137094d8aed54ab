// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <action_images/dist/watchdog.hpp>

namespace action_images {

/// What a process says of itself with every sign of life.
struct SignOfLife {
  enum class State { runs, ended, failed };
  State state = State::runs;
  std::int64_t beat = 0;    ///< counts up
  std::int64_t step = -1;   ///< -1: before the first
  std::int64_t issued = 0;  ///< collectives begun
  std::string waiting_for;  ///< the oldest collective that is not finished; empty: none
  double waiting_seconds = 0;
  std::string busy_with;           ///< empty: nothing that others have to wait for
  double unexcused_seconds = 1e9;  ///< for how long it has had no excuse to be late
  std::string failure;             ///< of a collective, or what ended the process

  std::string text() const;
  /// @throws FormatError if the text is none.
  static SignOfLife from_text(const std::string& text);
};

/// A process as another one sees it.
struct Observed {
  SignOfLife sign;
  double silent_seconds = 0;  ///< since the beat last changed, by the observer's clock
};

/// The line that names the rank to blame, or nothing while all is well.
/// @param ranks  by rank.  @param silent_limit  seconds without a sign of life.  @param hang_limit  seconds that others
/// wait.
std::optional<std::string> verdict(const std::vector<Observed>& ranks, double silent_limit, double hang_limit);

/// "rank 1 (last step 17, waiting in all_reduce for 3 s)".
std::string description(int rank, const SignOfLife& sign);

}  // namespace action_images
