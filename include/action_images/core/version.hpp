// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Version of the library, "major.minor.patch"; the build files and the Python package read it here.
#define ACTION_IMAGES_VERSION "0.1.0"

namespace action_images {

inline constexpr const char* version = ACTION_IMAGES_VERSION;

}  // namespace action_images
