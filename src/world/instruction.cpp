// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/instruction.hpp>

namespace action_images {

std::string clean_instruction(std::string_view text) {
  std::string cleaned;
  for (const char character : text) {
    if (character == '.') continue;
    const bool space = character == '_' || character == ' ';
    if (!space) {
      cleaned += character;
    } else if (!cleaned.empty() && cleaned.back() != ' ') {
      cleaned += ' ';
    }
  }
  if (!cleaned.empty() && cleaned.back() == ' ') cleaned.pop_back();
  return cleaned;
}

}  // namespace action_images
