// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace action_images {

/// Small letters for the capitals of the Latin, Greek, Cyrillic and Armenian scripts, independent of any locale.
std::u32string lower_case(std::u32string_view text);

}  // namespace action_images
