// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <cstdlib>

namespace action_images::fuzz {

/// Ends the process when a law does not hold, so that the fuzzer keeps the input.
inline void check_that(bool law, const char* text) {
  if (law) return;
  std::fprintf(stderr, "does not hold: %s\n", text);
  std::abort();
}

}  // namespace action_images::fuzz
