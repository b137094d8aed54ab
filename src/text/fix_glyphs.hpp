// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace action_images {

/// What ftfy.fix_text does to single characters (see clean_prompt.hpp): entities, Windows-1252, ligatures, widths,
/// quotes, line breaks, terminal escapes, control characters; line by line, each until nothing changes or 64 times.
std::u32string fix_glyphs(std::u32string_view text);

}  // namespace action_images
