// SPDX-License-Identifier: Apache-2.0
#include <action_images/codec_io.hpp>

namespace aim = action_images;

int main() {
  try {
    aim::load_rig("there_is_no_such_rig.json");
  } catch (const aim::FormatError&) {
    return 0;
  }
  return 1;
}
