// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace action_images {

/// The release's clean-up of instructions: "." removed, "_" becomes a space, runs of spaces become one, none at the ends.
std::string clean_instruction(std::string_view text);

}  // namespace action_images
