// SPDX-License-Identifier: Apache-2.0
#include <action_images/world.hpp>

namespace aim = action_images;

int main() {
  try {
    aim::WorldModel::load("there_is_no_such_folder");
  } catch (const aim::FormatError&) {
    return 0;
  }
  return 1;
}
