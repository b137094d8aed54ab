// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>

#include <action_images/core/export.hpp>

namespace action_images {

/// An argument's value is outside what the function is defined for. Base of every error that the library throws.
struct ACTION_IMAGES_EXPORT ValueError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

/// An argument's shape is not the documented one.
struct ACTION_IMAGES_EXPORT ShapeError : ValueError {
  using ValueError::ValueError;
};

/// A file or a stream does not hold what its format promises (or cannot be read or written).
struct ACTION_IMAGES_EXPORT FormatError : ValueError {
  using ValueError::ValueError;
};

/// A computation has no usable result: not finite, singular or not converging.
struct ACTION_IMAGES_EXPORT NumericalError : ValueError {
  using ValueError::ValueError;
};

}  // namespace action_images
