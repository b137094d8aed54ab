// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace action_images {

/// The characters of UTF-8 text; each byte that is no part of a character becomes U+FFFD.
std::u32string decode_utf8(std::string_view text);

/// @param text  Unicode characters, no surrogates.
std::string encode_utf8(std::u32string_view text);

}  // namespace action_images
