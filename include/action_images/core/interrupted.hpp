// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>

namespace action_images {

/// A progress callback asked to stop; not an error of an argument.
struct Interrupted : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace action_images
