// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Marks a symbol that crosses the border of a shared library, also where hidden visibility is the default.
#if defined(_WIN32)
#define ACTION_IMAGES_EXPORT
#else
#define ACTION_IMAGES_EXPORT __attribute__((visibility("default")))
#endif
